import { demoBaselines, readImages } from '@kantor/datasets'
import { slicedWasserstein } from '@kantor/training/oracles'
import type { SampleSet } from './artifacts.js'

/** Sliced Wasserstein distances to one set of held-out images, in pixels of [0, 1]. */
interface Distances {
  /** Of the trained generator. */
  samples: number
  /** Of the same generator, from the same latents, before training. */
  firstSamples: number
  noise: number
  meanPlusNoise: number
  blurred: number
  oneClass: number
  /** Of other held-out images: what a perfect generator would get. */
  floor: number
}

export interface Quality {
  /** In every set. */
  numImages: number
  distances: Distances
  /** The samples are nearer than everything but the floor. */
  pass: boolean
}

/** Fixed, so that two runs are measured against the same images. */
const SEED = 1
const DIRECTIONS = 512

const toUnit = (images: Uint8Array) => Float32Array.from(images, (value) => value / 255)

/** Measures the samples, and what they must beat, against held-out MNIST. Takes some seconds. */
export async function judgeSamples(first: SampleSet, last: SampleSet): Promise<Quality> {
  const { numImages, imageSize, channels } = last
  const train = await readImages({ kind: 'mnist' }, { imageSize })
  const heldOut = await readImages({ kind: 'mnist', split: 'test' }, { imageSize })
  const { reference, sets } = demoBaselines({ train, heldOut, numImages, seed: SEED })
  const dimensions = imageSize * imageSize * channels
  const held = toUnit(reference)
  const options = { directions: DIRECTIONS, seed: SEED }
  const distance = (images: Uint8Array) => slicedWasserstein(toUnit(images), held, dimensions, options)
  const distances: Distances = {
    samples: distance(last.images),
    firstSamples: distance(first.images),
    noise: distance(sets.noise),
    meanPlusNoise: distance(sets['mean-noise']),
    blurred: distance(sets.blurred),
    oneClass: distance(sets['one-class']),
    floor: distance(sets.real),
  }
  const { samples, floor: _, ...beaten } = distances
  return { numImages, distances, pass: Object.values(beaten).every((other) => samples < other) }
}
