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
import { criticStep, watchedCriticStep } from './critic-step.js'
import { generatorStep, watchedGeneratorStep } from './generator-step.js'

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

/** How training feeds. */
export const drawnSources: Sources = sources.drawn

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
  /**
   * Look at the steps as they are taken: every size of a critic step is there a second time and gives `look` beside `terms`, and so does the
   * generator step; a turn looks at its last critic step.
   */
  watched?: boolean
  /** Further steps, which move nothing. */
  probes?: Readonly<Record<string, Step>>
  precision?: Precision
  /** How what can be lowered in several ways is lowered; left out, to the bit as the eager step computes. */
  chooser?: LoweringChooser
}

/**
 * Inputs of a critic step: `real`, `latent`, `factors` where the objective interpolates, `classes` (one-hot, of the generated images) where the
 * networks are conditional, `coefficients`.
 */
export const criticName = (numImages: number): string => `critic_${numImages}`

/** The same, looked at. */
export const watchedName = (numImages: number): string => `watched_critic_${numImages}`

/** Inputs: `latent`, `classes` where the networks are conditional, `coefficients`. */
export const generatorName = 'generator'

export const turnName = (sizes: readonly number[]): string => `turn_${sizes.join('_')}`

/** All that a game changes as it is played. */
export const gameVariables = ({ generator, critic, average }: Game): Variable[] => [
  ...[generator, critic].flatMap(({ weights, optimizer }) => [
    ...weights.map(({ variable }) => variable),
    ...optimizer.slots.flatMap(({ values }) => values),
  ]),
  ...(average?.weights ?? []).map(({ variable }) => variable),
]

/** The training steps of a game as one graph. Each gives `terms`, as the eager steps do. */
export function compileGame(game: Game, options: GameProgramOptions): Program {
  const { batchSize, turns, sizes = [], watched = false, probes = {}, precision, chooser } = options
  const all = [...new Set([batchSize, ...sizes, ...turns.flat()])]
  // A watched run takes single steps watched: it needs the plain ones within turns only, and the full size for its self-test.
  const plain = watched ? all.filter((size) => size === batchSize || turns.flat().includes(size)) : all
  const lastName = watched ? watchedName : criticName
  return compileProgram({
    variables: gameVariables(game),
    steps: {
      ...Object.fromEntries(
        plain.map((size) => [criticName(size), criticOf(game, size, { ...options, watched: false })]),
      ),
      ...(watched && Object.fromEntries(all.map((size) => [watchedName(size), criticOf(game, size, options)]))),
      [generatorName]: generatorOf(game, options),
      ...probes,
    },
    sequences: Object.fromEntries(
      turns.map((turn) => [
        turnName(turn),
        [...turn.map((size, i) => (i < turn.length - 1 ? criticName(size) : lastName(size))), generatorName],
      ]),
    ),
    ...(precision && { precision }),
    ...(chooser && { chooser }),
  })
}

const coefficientsSpec = ({ optimizer }: Game['critic']): InputSpec => ({ shape: [optimizer.coefficients().length] })

/** One-hot classes of a batch of generated images. */
const classesSpec = ({ classes }: Game, { batchSize }: GameProgramOptions): Record<string, InputSpec> =>
  classes === undefined ? {} : { classes: { shape: [batchSize, classes] } }

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
      ...classesSpec(game, options),
    },
    step: (fed) => {
      const inputs = {
        realNHWC: real.tensor(fed['real'] as Tensor) as Tensor4D,
        latentNZ: latent.tensor(fed['latent'] as Tensor) as Tensor2D,
        factorsN: factors ? (factors.tensor(fed['factors'] as Tensor) as Tensor1D) : undefined,
        classesNK: fed['classes'] as Tensor2D | undefined,
        coefficients: fed['coefficients'] as Tensor1D,
      }
      return options.watched ? watchedCriticStep(game, inputs) : { terms: criticStep(game, inputs) }
    },
  }
}

function generatorOf(game: Game, options: GameProgramOptions): Step {
  const { feeding, batchSize, latentSize, watched } = options
  const latent = sources[feeding].latents([batchSize, latentSize])
  return {
    inputs: {
      latent: latent.spec,
      coefficients: coefficientsSpec(game.generator),
      ...classesSpec(game, options),
    },
    step: (fed) => {
      const inputs = {
        latentNZ: latent.tensor(fed['latent'] as Tensor) as Tensor2D,
        classesNK: fed['classes'] as Tensor2D | undefined,
        coefficients: fed['coefficients'] as Tensor1D,
      }
      return watched ? watchedGeneratorStep(game, inputs) : { terms: generatorStep(game, inputs) }
    },
  }
}

/** The optimizer's scalars of its next update, which is counted as done. */
export function takeCoefficients({ optimizer }: Game['critic']): Float32Array {
  const coefficients = Float32Array.from(optimizer.coefficients())
  optimizer.steps += 1
  return coefficients
}
