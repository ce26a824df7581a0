import { compile, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import type { SafetensorsFile } from '../checkpoint/safetensors.js'
import type { Game } from '../game.js'
import { criticStep } from '../step/critic-step.js'
import { nextCoefficients } from '../step/eager-stepper.js'
import { compileGame, takeCoefficients, turnName } from '../step/game-program.js'
import { generatorStep } from '../step/generator-step.js'
import type { EngineKind } from '../step/stepper.js'
import type { ParityConfig } from './config.js'
import { type Recorded, recordedCriticStep, type RecordedCriticStep, type RecordedDraw } from './recorded.js'

/** Plays recorded batches on one of the engines. */
export interface RecordedPlayer {
  /** The terms of every critic step, and the generator's loss, of one generator step. */
  turn(critic: readonly RecordedCriticStep[], generator: RecordedDraw): { terms: Float32Array[]; loss: number }
  /** NHWC images of the generator in eval mode; brings the game's variables up to date. */
  sample(drawn: RecordedDraw): Float32Array
  dispose(): void
}

type CreatePlayer = (game: Game, file: SafetensorsFile, config: ParityConfig) => RecordedPlayer

const tensorOf = ({ values, shape }: Recorded): Tensor => tf.tensor(values, shape, 'float32')

const classesOf = ({ classes }: RecordedDraw): Tensor2D | undefined =>
  classes ? (tensorOf(classes) as Tensor2D) : undefined

const eager: CreatePlayer = (game) => ({
  turn(critic, generator) {
    const terms = critic.map((step) =>
      tf.tidy(() => {
        const value = criticStep(game, {
          realNHWC: tensorOf(step.real) as Tensor4D,
          latentNZ: tensorOf(step.latent) as Tensor2D,
          factorsN: step.factors ? (tensorOf(step.factors) as Tensor1D) : undefined,
          classesNK: classesOf(step),
          coefficients: nextCoefficients(game.critic.optimizer),
        })
        game.critic.optimizer.steps += 1
        return value.dataSync<'float32'>()
      }),
    )
    const [loss] = tf.tidy(() => {
      const coefficients = nextCoefficients(game.generator.optimizer)
      const latentNZ = tensorOf(generator.latent) as Tensor2D
      const inputs = { latentNZ, classesNK: classesOf(generator), coefficients }
      return generatorStep(game, inputs).dataSync<'float32'>()
    })
    game.generator.optimizer.steps += 1
    return { terms, loss: loss as number }
  },
  sample: (drawn) =>
    tf.tidy(() =>
      game.generator.forward(tensorOf(drawn.latent), 'running', { classesNK: classesOf(drawn) }).dataSync<'float32'>(),
    ),
  dispose: () => undefined,
})

/** Through the training graph's own builder, whole generator steps as one call; only the input nodes differ. */
const compiled: CreatePlayer = (game, file, config) => {
  const numTurns = config.generatorIterations
  const sizes = Array.from({ length: numTurns }, (_, i) =>
    recordedSteps(game, file, { config, turn: i }).map(({ real }) => real.shape[0] as number),
  )
  const program = compileGame(game, {
    imageSize: config.imageSize,
    channels: config.nc,
    latentSize: config.nz,
    batchSize: config.batchSize,
    feeding: 'given',
    turns: [...new Map(sizes.map((turn) => [turnName(turn), turn])).values()],
  })
  return {
    turn(critic, generator) {
      const outputs = program.runSequence(turnName(critic.map(({ real }) => real.shape[0] as number)), [
        ...critic.map((step) => ({
          real: step.real.values,
          latent: step.latent.values,
          coefficients: takeCoefficients(game.critic),
          ...(step.factors && { factors: step.factors.values }),
          ...(step.classes && { classes: step.classes.values }),
        })),
        {
          latent: generator.latent.values,
          coefficients: takeCoefficients(game.generator),
          ...(generator.classes && { classes: generator.classes.values }),
        },
      ])
      const terms = outputs.map((output) => output['terms'] as Float32Array)
      return { terms: terms.slice(0, -1), loss: terms.at(-1)?.[0] as number }
    },
    sample({ latent, classes }) {
      program.pull()
      const step = compile({
        variables: game.generator.weights.map(({ variable }) => variable),
        inputs: { latent: { shape: latent.shape }, ...(classes && { classes: { shape: classes.shape } }) },
        step: (fed) => ({
          images: game.generator.forward(fed.latent, 'running', { classesNK: fed.classes as Tensor2D | undefined }),
        }),
      })
      const { images } = step.run({ latent: latent.values, ...(classes && { classes: classes.values }) })
      step.dispose()
      return images
    },
    dispose: () => program.dispose(),
  }
}

export const recordedPlayers = { eager, compiled } satisfies Record<EngineKind, CreatePlayer>

/** The critic steps of generator step number `turn`. */
export const recordedSteps = (
  game: Game,
  file: SafetensorsFile,
  { config, turn }: { config: ParityConfig; turn: number },
): RecordedCriticStep[] =>
  Array.from({ length: config.criticIterations }, (_, j) =>
    recordedCriticStep(file, turn * config.criticIterations + j, {
      config,
      interpolates: game.objective.interpolates,
    }),
  )
