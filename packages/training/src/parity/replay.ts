import { float32Values, readSafetensors, type SafetensorsFile } from '../checkpoint/safetensors.js'
import { loadWeights, readTorch } from '../checkpoint/weights.js'
import { createGame, type Game } from '../game.js'
import type { EngineKind } from '../step/stepper.js'
import { gameSpecOf, type ParityConfig, readConfig } from './config.js'
import { type RecordedPlayer, recordedPlayers, recordedSteps } from './players.js'
import { recordedDraw, recordedImages } from './recorded.js'

/** Largest differences to PyTorch's numbers that pass. */
export const parityBars = { lossError: 1e-5, weightError: 5e-6, sampleError: 1e-5 } as const

export interface ParityErrors {
  /** Largest loss difference, relative to the largest |loss| of the file. */
  lossError: number
  /** Largest absolute difference of a final weight or running statistic. */
  weightError: number
  /** Largest absolute difference of a sample pixel (generator in eval mode). */
  sampleError: number
}

export interface ParityResult extends Record<EngineKind, ParityErrors> {
  config: ParityConfig
  pass: boolean
}

/**
 * Replays the exact batches of a parity file through the training's own steps, op by op and as compiled, and compares
 * with what PyTorch computed. Needs `loadTensorFlow()`.
 * @throws SafetensorsError for a damaged file, ParityNotSupportedError for an objective or network not trained here.
 */
export function replayParity(bytes: Uint8Array): ParityResult {
  const file = readSafetensors(bytes)
  const config = readConfig(file)
  const eager = measure('eager', file, config)
  const compiled = measure('compiled', file, config)
  return { config, eager, compiled, pass: passes(eager) && passes(compiled) }
}

const passes = (errors: ParityErrors): boolean =>
  Object.entries(parityBars).every(([name, bar]) => errors[name as keyof ParityErrors] <= bar)

function measure(engine: EngineKind, file: SafetensorsFile, config: ParityConfig): ParityErrors {
  const game = createGame(gameSpecOf(config), config.nc)
  let player: RecordedPlayer | undefined
  try {
    loadWeights(game.generator, file, 'init/netG/')
    loadWeights(game.critic, file, 'init/netD/')
    player = recordedPlayers[engine](game, file, config)
    const lossError = compareLosses(file, config, replay(player, { game, file, config }))
    const images = player.sample(recordedDraw(file, 'sample', config))
    return {
      lossError,
      weightError: Math.max(compareWeights(game, file, 'generator'), compareWeights(game, file, 'critic')),
      sampleError: largestDifference(images, recordedImages(file, 'sample/images', config).values),
    }
  } finally {
    player?.dispose()
    game.dispose()
  }
}

interface Losses {
  criticReal: number[]
  criticFake: number[]
  criticLoss: number[]
  generatorLoss: number[]
}

function replay(
  player: RecordedPlayer,
  { game, file, config }: { game: Game; file: SafetensorsFile; config: ParityConfig },
): Losses {
  const losses: Losses = { criticReal: [], criticFake: [], criticLoss: [], generatorLoss: [] }
  for (let turn = 0; turn < config.generatorIterations; turn++) {
    const steps = recordedSteps(game, file, { config, turn })
    const { terms, loss } = player.turn(steps, recordedDraw(file, `generator/${turn}`, config))
    for (const [real, fake] of terms as unknown as [number, number][]) {
      losses.criticReal.push(real)
      losses.criticFake.push(fake)
      losses.criticLoss.push(Math.fround(real - fake))
    }
    losses.generatorLoss.push(loss)
  }
  return losses
}

/** NaN counts as infinitely far, so that it can never pass. */
function largestDifference(ours: ArrayLike<number>, theirs: Float32Array): number {
  if (ours.length !== theirs.length) return Infinity
  return theirs.reduce((largest, value, i) => {
    const difference = Math.abs(value - (ours[i] as number))
    return Math.max(largest, Number.isNaN(difference) ? Infinity : difference)
  }, 0)
}

function compareLosses(file: SafetensorsFile, config: ParityConfig, losses: Losses): number {
  const numCritic = config.criticIterations * config.generatorIterations
  let largest = 0
  let scale = 0
  for (const [name, ours] of Object.entries(losses) as [keyof Losses, number[]][]) {
    const length = name === 'generatorLoss' ? config.generatorIterations : numCritic
    const theirs = float32Values(file, `expected/${name}`, [length])
    largest = Math.max(largest, largestDifference(ours, theirs))
    scale = Math.max(scale, ...theirs.map(Math.abs))
  }
  return largest / scale
}

function compareWeights(game: Game, file: SafetensorsFile, who: 'generator' | 'critic'): number {
  const prefix = who === 'generator' ? 'final/netG/' : 'final/netD/'
  return game[who].weights.reduce((largest, { parameter, variable }) => {
    const theirs = float32Values(file, `${prefix}${parameter.name}`, parameter.torchShape)
    return Math.max(largest, largestDifference(readTorch(variable, parameter), theirs))
  }, 0)
}
