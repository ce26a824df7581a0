import {
  type Evaluation,
  type ExtractorKind,
  type Measurement,
  metricCatalogue,
  type MetricName,
} from '@kantor/contracts'
import { epochOrder } from '../data-order.js'
import { averagedDown } from '../extractors/averaged-down.js'
import { type Extracted, type Extractor } from '../extractors/extractor.js'
import { type PixelSource, SPLIT_SEED } from '../extractors/train-classifier.js'
import { openGenerator } from '../generator.js'
import { type Points, prdc, type Prdc } from '../quality/index.js'
import { blurred } from './blurred.js'
import { type Comparison, metrics, type Side } from './metrics.js'

/** Of everything that is drawn here. */
const SEED = SPLIT_SEED
const THUMBNAIL = 16
/** Training images that the nearest one is looked for among. */
const MOST_TRAINING = 5000
const LEAST_IMAGES = 16

export interface EvaluateOptions {
  /** A checkpoint file. */
  checkpoint: Uint8Array
  images: PixelSource
  /** Every kind that a metric asks for. */
  extractors: readonly Extractor[]
  metrics: readonly MetricName[]
  /** Images to make; a third of the dataset at most. */
  numImages: number
  /** What makes them; without it the running mean where the job kept one. */
  weights?: 'generator' | 'average' | undefined
}

/**
 * Measures a checkpoint's images against real ones, and beside them, as floor and as something to beat, other real images and these under a
 * blur. A conditional generator makes images of the classes of those others. The three real sets are disjoint, and the same for every checkpoint. Needs TensorFlow loaded; repeatable on one machine.
 * @throws RangeError when the dataset has fewer than 48 images; what `openGenerator` throws.
 */
export function evaluate({
  checkpoint,
  images,
  extractors,
  metrics: names,
  numImages,
  weights,
}: EvaluateOptions): Evaluation {
  const { count, other, otherIndices, compare } = openComparison(images, extractors, numImages)
  const { batchSize, made, weights: drawnWith } = make(checkpoint, images, { like: otherIndices, weights })
  const value = compare(made)
  const floor = compare(other)
  const blur = compare(blurred(other, images.imageSize, images.channels))
  const measure = (name: MetricName): Measurement => {
    const { value: measured, low = null, high = null, images: used = count } = metrics[name](value)
    const { features } = metricCatalogue[name]
    const kind = features === 'best' ? value.best : features
    return {
      name,
      value: measured,
      low,
      high,
      floor: metrics[name](floor).value,
      blurred: metrics[name](blur).value,
      images: used,
      extractor: kind && extractorOf(extractors, kind).sha256,
    }
  }
  return {
    seed: SEED,
    batchNorm: 'batch',
    batchSize,
    weights: drawnWith,
    extractors: extractors.map(({ kind, sha256, dimensions, accuracy, network }) => ({
      kind,
      sha256,
      dimensions,
      accuracy,
      network,
    })),
    measurements: names.map(measure),
    warnings: names.flatMap((name) => rankWarning(name, extractors, count)),
  }
}

/** A covariance has full rank from one point more than there are dimensions on. */
function rankWarning(name: MetricName, extractors: readonly Extractor[], count: number): string[] {
  const { features } = metricCatalogue[name]
  const dimensions = extractors.find(({ kind }) => name.startsWith('fid_') && kind === features)?.dimensions ?? 0
  if (count > dimensions) return []
  return [
    `${name}: ${count} images a side give a covariance of ${dimensions} features no full rank; ask for ${dimensions + 1} images or more, of a dataset of three times as many, before comparing with published figures`,
  ]
}

export interface OpenComparison {
  /** Images on each side. */
  count: number
  /** Real images that are not in the reference: they give the floor. */
  other: Uint8Array
  otherIndices: Int32Array
  /** uint8 images beside the reference. */
  compare: (pixels: Uint8Array) => Comparison
}

/** The real images that sets are measured against. @throws RangeError when there are too few. */
export function openComparison(
  images: PixelSource,
  extractors: readonly Extractor[],
  numImages: number,
): OpenComparison {
  const count = Math.min(numImages, Math.floor(images.numImages / 3))
  if (count < LEAST_IMAGES)
    throw new RangeError(`${images.numImages} images are too few to measure against: it takes ${3 * LEAST_IMAGES}`)
  const order = epochOrder(images.numImages, SPLIT_SEED, 0)
  const real = (from: number, to: number) => images.read(order.subarray(from, Math.min(to, images.numImages)))
  const otherIndices = order.subarray(count, 2 * count)
  const best: ExtractorKind = extractors.some(({ kind }) => kind === 'classifier') ? 'classifier' : 'random'
  const reference = asSide(real(0, count), images, extractors)
  const training = once(() => thumbnailsOf(real(2 * count, 2 * count + MOST_TRAINING), images))
  return {
    count,
    other: images.read(otherIndices),
    otherIndices,
    compare(pixels) {
      const side = asSide(pixels, images, extractors)
      const neighbours = once((): Prdc => prdc(reference.extracted(best).points, side.extracted(best).points))
      return { reference, side, training, best, seed: SEED, prdc: neighbours }
    },
  }
}

function make(
  checkpoint: Uint8Array,
  { channels, labels }: PixelSource,
  { like, weights }: { like: Int32Array; weights: EvaluateOptions['weights'] },
): { batchSize: number; made: Uint8Array; weights: 'generator' | 'average' } {
  const generator = openGenerator(checkpoint, channels, weights)
  // An image without a label lends none: the first class stands in.
  const classes = labels && like.map((index) => Math.max(0, labels[index] as number))
  try {
    const made = generator.images(like.length, { seed: SEED, batchNorm: 'batch', classes })
    return { batchSize: generator.spec.batchSize, made, weights: generator.weights }
  } finally {
    generator.dispose()
  }
}

function asSide(pixels: Uint8Array, images: PixelSource, extractors: readonly Extractor[]): Side {
  const found = new Map<ExtractorKind, Extracted>()
  return {
    images: pixels,
    imageSize: images.imageSize,
    channels: images.channels,
    extracted(kind) {
      const extracted = found.get(kind) ?? extractorOf(extractors, kind).extract(pixels)
      found.set(kind, extracted)
      return extracted
    },
    thumbnails: once(() => thumbnailsOf(pixels, images)),
  }
}

function extractorOf(extractors: readonly Extractor[], wanted: ExtractorKind): Extractor {
  const extractor = extractors.find(({ kind }) => kind === wanted)
  if (!extractor) throw new Error(`no ${wanted} extractor was given`)
  return extractor
}

/** In [0, 1]. */
function thumbnailsOf(pixels: Uint8Array, { imageSize, channels }: PixelSource): Points {
  const small = averagedDown(pixels, imageSize, channels, THUMBNAIL)
  return { values: Float32Array.from(small, (pixel) => pixel / 255), dimensions: THUMBNAIL ** 2 * channels }
}

function once<T>(compute: () => T): () => T {
  let done: { value: T } | undefined
  return () => (done ??= { value: compute() }).value
}
