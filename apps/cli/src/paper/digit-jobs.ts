import type { JobSpecInput, Model } from '@kantor/contracts'
import { readImages } from '@kantor/datasets'
import { slicedWasserstein } from '@kantor/training/oracles'
import sharp from 'sharp'
import { cutGrid } from '../demo/cut-grid.js'
import type { Lab, LabSample } from './lab.js'
import type { Picture } from './sheet-plot.js'

const IMAGE_SIZE = 16
/** Later samples differ by no more than two sets of real digits do, and their ranks say nothing. */
const GENERATOR_STEPS = 800
const SAMPLE_EVERY = 50
/** Per sample, and real ones on each side of the floor: the distance depends on it. */
const NUM_IMAGES = 256
/** The authors' filter over the estimate. */
const WINDOW = 101
const DIRECTIONS = 128
/** Of a sample, that a picture shows. */
const ROWS_SHOWN = 4

type Game = 'wgan' | 'gan'

export interface DigitJob {
  generator: Model['generator']
  game: Game
  seed: number
}

export interface DigitRun {
  seed: number
  /** Generator steps of the samples; that of the untrained generator is left out. */
  steps: number[]
  /** Sliced W₁ of each sample to held-out digits, grey in [0, 1]. */
  distances: number[]
  /** Median of the estimate over the authors' window up to each sample: Wasserstein, or Jensen-Shannon of a GAN. */
  estimates: number[]
  /** The same distance of other held-out digits. */
  floor: number
  /** And of their mean, one grey blur over and over: who is no nearer has learned nothing that counts. */
  meanDigit: number
  /** Mean distance of two images of the last sample over that of two real ones. */
  diversity: number
  /** The upper rows of the last sample. */
  sheet: Picture
}

const noBurst = { every: { generatorSteps: 0 } } as const
const games = {
  // The authors' rate is 5e-5, for images of four times the side and hundreds of times the steps.
  wgan: {
    objective: { kind: 'wgan-clip' },
    optimizer: { kind: 'rmsprop', criticLearningRate: 2e-4, generatorLearningRate: 2e-4 },
    schedule: { criticSteps: 5, warmup: { generatorSteps: 10, criticSteps: 50 }, ...noBurst },
  },
  // As DCGANs are trained (Radford et al. 2016): one step each, Adam with β₁ = .5. More critic steps served it worse.
  gan: {
    objective: { kind: 'non-saturating' },
    optimizer: { kind: 'adam', criticLearningRate: 2e-4, generatorLearningRate: 2e-4, beta1: 0.5, beta2: 0.999 },
    schedule: { criticSteps: 1, warmup: { generatorSteps: 0 }, ...noBurst },
  },
} satisfies Record<Game, Partial<JobSpecInput>>

/** Seeds of the runs. */
export const seedsOf = ({ fast }: Lab): number[] => (fast ? [1] : [1, 2, 3])

/** Trains on MNIST against a DCGAN critic, and measures what samples are worth as the curve goes on. */
export async function trainOnDigits(lab: Lab, { generator, game, seed }: DigitJob): Promise<DigitRun> {
  const trained = await lab.train({
    name: `mnist ${generator} ${game} seed ${seed}`,
    spec: {
      dataset: 'mnist',
      model: {
        generator,
        imageSize: IMAGE_SIZE,
        latentSize: 64,
        generatorFilters: generator === 'mlp' ? 256 : 32,
        criticFilters: 32,
      },
      ...games[game],
      batchSize: 64,
      seed,
      lowerings: 'direct',
      budget: { generatorSteps: GENERATOR_STEPS },
      sampling: { every: SAMPLE_EVERY, count: NUM_IMAGES },
      checkpoint: { everySteps: 100_000, everySeconds: 86_400 },
    },
  })
  const curve = await trained.curve(game === 'wgan' ? 'w_estimate' : 'critic_loss')
  const values = game === 'wgan' ? curve : curve.map(jensenShannon)
  const samples = (await trained.samples()).filter(({ sample }) => sample.step > 0)
  const { reference, others, mean } = await heldOutDigits()
  const distances = await Promise.all(
    samples.map(async ({ sample, png }) => distance(await cutGrid(png, sample), reference)),
  )
  const steps = samples.map(({ sample }) => sample.step)
  return {
    seed,
    steps,
    distances,
    estimates: steps.map((step) => medianUpTo(values, step)),
    floor: distance(others, reference),
    meanDigit: distance(mean, reference),
    diversity: (await trained.curve('diversity')).at(-1)!,
    sheet: await upperRows(samples.at(-1)!),
  }
}

/** From a discriminator's cross-entropy, which is at best 2 log 2 − 2 JS; a worse one estimates too little. */
export const jensenShannon = (loss: number): number => Math.LN2 - loss / 2

/** Both games, from one seed. */
export async function trainBoth(lab: Lab, generator: DigitJob['generator'], seed: number) {
  const [wgan, gan] = await Promise.all([
    trainOnDigits(lab, { generator, game: 'wgan', seed }),
    trainOnDigits(lab, { generator, game: 'gan', seed }),
  ])
  return { wgan, gan }
}

async function upperRows({ sample: { columns, tileSize, padding }, png }: LabSample): Promise<Picture> {
  const cell = tileSize + padding
  const shape = { width: columns * cell + padding, height: ROWS_SHOWN * cell + padding }
  const rows = sharp(png).extract({ left: 0, top: 0, ...shape })
  return { ...shape, png: await rows.png({ compressionLevel: 9 }).toBuffer() }
}

async function heldOutDigits() {
  const { images } = await readImages(
    { kind: 'mnist', split: 'test' },
    { imageSize: IMAGE_SIZE, limit: 2 * NUM_IMAGES },
  )
  const half = images.length / 2
  const others = images.subarray(half)
  return { reference: images.subarray(0, half), others, mean: meanOf(others) }
}

function meanOf(images: Uint8Array): Uint8Array {
  const sums = new Float64Array(IMAGE_SIZE ** 2)
  images.forEach((pixel, i) => (sums[i % sums.length] = (sums[i % sums.length] as number) + pixel))
  return Uint8Array.from(sums, (sum) => (sum * sums.length) / images.length)
}

const unit = (pixels: Uint8Array) => Float32Array.from(pixels, (value) => value / 255)

const distance = (images: Uint8Array, reference: Uint8Array) =>
  slicedWasserstein(unit(images), unit(reference), IMAGE_SIZE ** 2, { directions: DIRECTIONS, seed: 1 })

/** Of the last points up to `step`, counted from 1: as many as the authors' filter takes. */
function medianUpTo(values: readonly number[], step: number): number {
  const sorted = values.slice(Math.max(0, step - WINDOW), step).toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] as number
}

/** Of the last sample: 1 is no nearer to real digits than their mean. */
export const overMeanDigit = ({ distances, meanDigit }: DigitRun): number => distances.at(-1)! / meanDigit
