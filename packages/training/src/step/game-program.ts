import {
  compileProgram,
  imagesFromPixels,
  type InputSpec,
  type LoweringChooser,
  type Precision,
  type Program,
  randomNormal,
  randomUniform,
  type Step,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  type Variable,
} from '@kantor/engine'
import type { ImageSource } from '../events.js'
import type { Game } from '../game.js'
import { criticStep } from './critic-step.js'
import { generatorStep } from './generator-step.js'

/** What is fed and how it becomes the tensor that a step works on. */
interface Source {
  spec: InputSpec
  tensor(fed: Tensor): Tensor
}

interface Sources {
  images(shape: readonly number[], dtype: ImageSource['dtype']): Source
  latents(shape: readonly number[]): Source
  factors(count: number): Source
}

const seed = { shape: [2], dtype: 'int32' } as const

const identity = (shape: readonly number[]): Source => ({ spec: { shape }, tensor: (fed) => fed })

const sources = {
  /** As training feeds: uint8 pixels or float32 points, and seeds of what is drawn inside the graph. */
  drawn: {
    images: (shape, dtype) =>
      dtype === 'float32'
        ? identity(shape)
        : { spec: { shape, dtype: 'uint8' }, tensor: (fed) => imagesFromPixels(fed as Tensor4D) },
    latents: (shape) => ({ spec: seed, tensor: (fed) => randomNormal([...shape], fed as Tensor1D) }),
    factors: (count) => ({ spec: seed, tensor: (fed) => randomUniform([count], fed as Tensor1D) }),
  },
  /** As a replay feeds: the numbers themselves. */
  given: { images: identity, latents: identity, factors: (count) => identity([count]) },
} satisfies Record<string, Sources>

export interface GameProgramOptions {
  imageSize: number
  channels: number
  /** Of real images as `drawn` feeds them. */
  dtype?: ImageSource['dtype'] | undefined
  latentSize: number
  /** Fake images per pass; real batches may be smaller. */
  batchSize: number
  feeding: keyof typeof sources
  /**
   * Generator steps that are one call: the sizes of the real batches of their critic steps. Every size is also there as
   * a critic step of its own, `batchSize` included, and the generator step too.
   */
  turns: readonly (readonly number[])[]
  /** Further sizes of real batches. */
  sizes?: readonly number[]
  precision?: Precision
  /** How what can be lowered in several ways is lowered; left out, to the bit as the eager step computes. */
  chooser?: LoweringChooser
}

/** Inputs of a critic step: `real`, `latent`, `factors` where the objective interpolates, `coefficients`. */
export const criticName = (numImages: number): string => `critic_${numImages}`

/** Inputs: `latent`, `coefficients`. */
export const generatorName = 'generator'

export const turnName = (sizes: readonly number[]): string => `turn_${sizes.join('_')}`

/** All that a game changes as it is played. */
export const gameVariables = ({ generator, critic }: Game): Variable[] =>
  [generator, critic].flatMap(({ weights, optimizer }) => [
    ...weights.map(({ variable }) => variable),
    ...optimizer.slots.flatMap(({ values }) => values),
  ])

/** The training steps of a game as one graph. Each gives `terms`, as the eager steps do. */
export function compileGame(game: Game, options: GameProgramOptions): Program {
  const { batchSize, turns, sizes = [], precision, chooser } = options
  const all = new Set([batchSize, ...sizes, ...turns.flat()])
  return compileProgram({
    variables: gameVariables(game),
    steps: {
      ...Object.fromEntries([...all].map((numImages) => [criticName(numImages), criticOf(game, numImages, options)])),
      [generatorName]: generatorOf(game, options),
    },
    sequences: Object.fromEntries(
      turns.map((turn) => [turnName(turn), [...turn.map((numImages) => criticName(numImages)), generatorName]]),
    ),
    ...(precision && { precision }),
    ...(chooser && { chooser }),
  })
}

const coefficientsSpec = ({ optimizer }: Game['critic']): InputSpec => ({ shape: [optimizer.coefficients().length] })

function criticOf(game: Game, numImages: number, options: GameProgramOptions): Step {
  const { imageSize, channels, dtype, latentSize, batchSize } = options
  const from = sources[options.feeding]
  const real = from.images([numImages, imageSize, imageSize, channels], dtype)
  const latent = from.latents([batchSize, latentSize])
  const factors = game.objective.interpolates ? from.factors(numImages) : null
  return {
    inputs: {
      real: real.spec,
      latent: latent.spec,
      coefficients: coefficientsSpec(game.critic),
      ...(factors && { factors: factors.spec }),
    },
    step: (fed) => ({
      terms: criticStep(game, {
        realNHWC: real.tensor(fed['real'] as Tensor) as Tensor4D,
        latentNZ: latent.tensor(fed['latent'] as Tensor) as Tensor2D,
        factorsN: factors ? (factors.tensor(fed['factors'] as Tensor) as Tensor1D) : undefined,
        coefficients: fed['coefficients'] as Tensor1D,
      }),
    }),
  }
}

function generatorOf(game: Game, { feeding, batchSize, latentSize }: GameProgramOptions): Step {
  const latent = sources[feeding].latents([batchSize, latentSize])
  return {
    inputs: { latent: latent.spec, coefficients: coefficientsSpec(game.generator) },
    step: (fed) => ({
      terms: generatorStep(game, {
        latentNZ: latent.tensor(fed['latent'] as Tensor) as Tensor2D,
        coefficients: fed['coefficients'] as Tensor1D,
      }),
    }),
  }
}

/** The optimizer's scalars of its next update, which is counted as done. */
export function takeCoefficients({ optimizer }: Game['critic']): Float32Array {
  const coefficients = Float32Array.from(optimizer.coefficients())
  optimizer.steps += 1
  return coefficients
}
