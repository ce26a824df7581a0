import { type Tensor1D, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { float32Values, readSafetensors, type SafetensorsFile, SafetensorsError } from '../checkpoint/safetensors.js'
import { loadWeights, readTorch } from '../checkpoint/weights.js'
import { createGame, type Game } from '../game.js'
import { criticStep } from '../step/critic-step.js'
import { generatorStep } from '../step/generator-step.js'
import { nextCoefficients } from '../step/eager-stepper.js'
import { gameSpecOf, type ParityConfig, readConfig } from './config.js'

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

export interface ParityResult {
  config: ParityConfig
  eager: ParityErrors
  pass: boolean
}

/**
 * Replays the exact batches of a parity file through the training's own steps and compares with what PyTorch computed.
 * Needs `loadTensorFlow()`.
 * @throws SafetensorsError for a damaged file, ParityNotSupportedError for an objective or network not trained here.
 */
export function replayParity(bytes: Uint8Array): ParityResult {
  const file = readSafetensors(bytes)
  const config = readConfig(file)
  const game = createGame(gameSpecOf(config), config.nc)
  try {
    loadWeights(game.generator, file, 'init/netG/')
    loadWeights(game.critic, file, 'init/netD/')
    const eager: ParityErrors = {
      lossError: compareLosses(file, config, replay(game, file, config)),
      weightError: Math.max(compareWeights(game, file, 'generator'), compareWeights(game, file, 'critic')),
      sampleError: compareSamples(game, file, config),
    }
    const pass = Object.entries(parityBars).every(([name, bar]) => eager[name as keyof ParityErrors] <= bar)
    return { config, eager, pass }
  } finally {
    game.dispose()
  }
}

interface Losses {
  criticReal: number[]
  criticFake: number[]
  criticLoss: number[]
  generatorLoss: number[]
}

function replay(game: Game, file: SafetensorsFile, config: ParityConfig): Losses {
  const losses: Losses = { criticReal: [], criticFake: [], criticLoss: [], generatorLoss: [] }
  for (let i = 0; i < config.generatorIterations; i++) {
    for (let j = 0; j < config.criticIterations; j++) {
      const k = i * config.criticIterations + j
      const [real, fake] = tf.tidy(() =>
        criticStep(game, {
          realNHWC: images(file, `batch/${k}/real`, config),
          latentNZ: latents(file, `batch/${k}/noise`, config),
          factorsN: game.objective.interpolates ? factors(file, k) : undefined,
          coefficients: nextCoefficients(game.critic.optimizer),
        }).dataSync<'float32'>(),
      ) as unknown as [number, number]
      game.critic.optimizer.steps += 1
      losses.criticReal.push(real)
      losses.criticFake.push(fake)
      losses.criticLoss.push(Math.fround(real - fake))
    }
    const [loss] = tf.tidy(() =>
      generatorStep(game, {
        latentNZ: latents(file, `generator/${i}/noise`, config),
        coefficients: nextCoefficients(game.generator.optimizer),
      }).dataSync<'float32'>(),
    ) as unknown as [number]
    game.generator.optimizer.steps += 1
    losses.generatorLoss.push(loss)
  }
  return losses
}

/** Rows of a stored tensor: a tail batch has fewer images than the noise has rows. */
function rowsOf(file: SafetensorsFile, name: string): number {
  const rows = file.tensors.get(name)?.shape[0]
  if (rows === undefined) throw new SafetensorsError(`the file has no tensor ${name}`)
  return rows
}

function images(file: SafetensorsFile, name: string, { nc, imageSize }: ParityConfig): Tensor4D {
  const shape: [number, number, number, number] = [rowsOf(file, name), nc, imageSize, imageSize]
  return tf.transpose(tf.tensor4d(float32Values(file, name, shape), shape), [0, 2, 3, 1])
}

function latents(file: SafetensorsFile, name: string, { nz }: ParityConfig): Tensor2D {
  const rows = rowsOf(file, name)
  return tf.tensor2d(float32Values(file, name, [rows, nz, 1, 1]), [rows, nz])
}

/** One interpolation factor per real image. */
function factors(file: SafetensorsFile, k: number): Tensor1D {
  const rows = rowsOf(file, `batch/${k}/real`)
  return tf.tensor1d(float32Values(file, `batch/${k}/epsilon`, [rows, 1, 1, 1]))
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

function compareSamples(game: Game, file: SafetensorsFile, config: ParityConfig): number {
  const rows = rowsOf(file, 'sample/noise')
  const { nc, imageSize } = config
  const ours = tf.tidy(() => {
    const imagesNHWC = game.generator.forward(latents(file, 'sample/noise', config), 'running')
    return tf.transpose(imagesNHWC, [0, 3, 1, 2]).dataSync<'float32'>()
  })
  return largestDifference(ours, float32Values(file, 'sample/images', [rows, nc, imageSize, imageSize]))
}
