import type { ExtractorKind, MetricName } from '@kantor/contracts'
import type { Extracted } from '../extractors/extractor.js'
import { slicedWasserstein } from '../oracles/sliced-wasserstein.js'
import {
  classDivergence,
  frechetDistance,
  inceptionScore,
  kernelDistanceOfSubsets,
  meanNearestDistance,
  nearestNeighbourAccuracy,
  patchDistances,
  type Points,
  type Prdc,
} from '../quality/index.js'
import { wideFrechetDistance } from './wide-frechet.js'

/** One set of images, and what the extractors see in it. */
export interface Side {
  images: Uint8Array
  imageSize: number
  channels: number
  extracted(kind: ExtractorKind): Extracted
  /** Pixels at 16 × 16. */
  thumbnails(): Points
}

/** A set beside real images. */
export interface Comparison {
  reference: Side
  side: Side
  /** Further training images, at 16 × 16. */
  training: () => Points
  /** Features for metrics that take either kind. */
  best: ExtractorKind
  seed: number
  /** The four figures of one pass over the neighbours. */
  prdc: () => Prdc
}

export interface Estimate {
  value: number
  low?: number
  high?: number
  /** Where it is estimated from fewer images than there are. */
  images?: number
}

/** Of the subsets of a kernel distance: enough for its interval, in a second. */
const SUBSETS = { subsets: 20, size: 300 }
/** Patches of more images move the figure by less than its floor does, and sorting them takes minutes. */
const PATCHED_IMAGES = 100
const DIRECTIONS = 128

const points = ({ reference, side }: Comparison, kind: ExtractorKind): [Points, Points] => [
  reference.extracted(kind).points,
  side.extracted(kind).points,
]
function classesOf(side: Side): { probabilities: Float32Array; numClasses: number } {
  const { points: features, probabilities } = side.extracted('classifier')
  if (!probabilities) throw new Error('the classifier gave no probabilities')
  return { probabilities, numClasses: (probabilities.length * features.dimensions) / features.values.length }
}
const frechet = (kind: ExtractorKind) => (comparison: Comparison) => ({
  value: frechetDistance(...points(comparison, kind)),
})
const kernel = (kind: ExtractorKind) => (comparison: Comparison) =>
  kernelDistanceOfSubsets(...points(comparison, kind), { ...SUBSETS, seed: comparison.seed })
const ofPrdc = (key: keyof Prdc) => (comparison: Comparison) => ({ value: comparison.prdc()[key] })

/** One line per metric of the contracts; the compiler refuses one that has none. */
export const metrics: Record<MetricName, (comparison: Comparison) => Estimate> = {
  fid_classifier: frechet('classifier'),
  kid_classifier: kernel('classifier'),
  is_classifier: ({ side }) => {
    const { probabilities, numClasses } = classesOf(side)
    return { value: inceptionScore(probabilities, numClasses) }
  },
  class_kl({ reference, side }) {
    const { probabilities, numClasses } = classesOf(side)
    return { value: classDivergence(probabilities, classesOf(reference).probabilities, numClasses) }
  },
  fid_random: frechet('random'),
  kid_random: kernel('random'),
  fid_uploaded: (comparison) => ({ value: wideFrechetDistance(...points(comparison, 'uploaded')) }),
  kid_uploaded: kernel('uploaded'),
  precision: ofPrdc('precision'),
  recall: ofPrdc('recall'),
  density: ofPrdc('density'),
  coverage: ofPrdc('coverage'),
  nn_accuracy: (comparison) => ({ value: nearestNeighbourAccuracy(...points(comparison, comparison.best)) }),
  nn_distance: ({ side, training }) => ({ value: meanNearestDistance(side.thumbnails(), training()) }),
  sliced_w1: ({ reference, side, seed }) => ({
    value: slicedWasserstein(unit(side.images), unit(reference.images), side.imageSize ** 2 * side.channels, {
      directions: DIRECTIONS,
      seed,
    }),
  }),
  swd: ({ reference, side, seed }) => {
    const [a, b] = [firstImages(reference, PATCHED_IMAGES), firstImages(side, PATCHED_IMAGES)]
    const levels = patchDistances(a, b, { seed })
    return { value: levels.reduce((sum, { distance }) => sum + distance, 0) / levels.length, images: a.numImages }
  },
}

const unit = (images: Uint8Array) => Float32Array.from(images, (pixel) => pixel / 255)

function firstImages({ images, imageSize, channels }: Side, most: number) {
  const imageBytes = imageSize ** 2 * channels
  const numImages = Math.min(most, images.length / imageBytes)
  return { values: images.subarray(0, numImages * imageBytes), numImages, imageSize, channels }
}
