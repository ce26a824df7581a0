import { createHash } from 'node:crypto'
import type { FeatureNetwork } from '@kantor/contracts'
import { type FrozenGraph, FrozenGraphError, openFrozenGraph, type Tensor4D, tf } from '@kantor/engine'
import type { Extractor } from './extractor.js'

/** Images per call: an Inception network holds some 12 MB of each. */
const BATCH = 16
/** Features of one image, at most: their covariance takes the square of it, and its decomposition the cube. */
const MAX_DIMENSIONS = 4096
/** [black, white]. */
const ranges = { '0..255': [0, 255], '0..1': [0, 1], '-1..1': [-1, 1] } as const

/** A network that gives no features of these images, however often it is tried; the message says why. */
export class ExtractorError extends Error {
  override name = 'ExtractorError'
}

export interface UploadedOptions {
  network: FeatureNetwork
  /** Of the images as they lie in the dataset. */
  imageSize: number
  channels: number
}

/**
 * Somebody's own network as an extractor; `graph` is a frozen GraphDef. Two grey images are sent through it first.
 * @throws ExtractorError when TensorFlow does not run it, or what comes out is no row of numbers per image.
 */
export function openUploadedExtractor(graph: Uint8Array, options: UploadedOptions): Extractor {
  const { network, imageSize, channels } = options
  const frozen = asFault('cannot be loaded', () => openFrozenGraph(graph, network))
  const imageBytes = imageSize ** 2 * channels
  const run = (images: Uint8Array) => forward(frozen, images, options)
  let dimensions: number
  try {
    dimensions = run(new Uint8Array(2 * imageBytes).fill(127)).length / 2
  } catch (error) {
    frozen.dispose()
    throw error
  }
  return {
    kind: 'uploaded',
    sha256: createHash('sha256').update(graph).digest('hex'),
    dimensions,
    network,
    accuracy: null,
    extract(images) {
      const values = new Float32Array((images.length / imageBytes) * dimensions)
      for (let from = 0, at = 0; from < images.length; from += BATCH * imageBytes) {
        const found = run(images.subarray(from, from + BATCH * imageBytes))
        values.set(found, at)
        at += found.length
      }
      return { points: { values, dimensions }, probabilities: null }
    },
    dispose: () => frozen.dispose(),
  }
}

function asFault<T>(what: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof FrozenGraphError) throw new ExtractorError(`the network ${what}: ${error.message}`)
    throw error
  }
}

/** Features of uint8 NHWC images, one row each. */
function forward(frozen: FrozenGraph, images: Uint8Array, { network, imageSize, channels }: UploadedOptions) {
  const { input, output } = network
  const count = images.length / (imageSize ** 2 * channels)
  const fed = prepared(images, [count, imageSize, imageSize, channels], network)
  try {
    const { values, shape } = asFault(`does not run from ${input} to ${output}`, () => frozen.run(fed))
    const [rows, ...rest] = shape
    const dimensions = rest.reduce((product, n) => product * n, 1)
    if (rows !== count)
      throw new ExtractorError(
        `the network gives [${shape.join(', ')}] at ${output} for ${count} images: it is made for another number of them`,
      )
    if (rest.filter((n) => n !== 1).length > 1 || dimensions < 2 || dimensions > MAX_DIMENSIONS)
      throw new ExtractorError(
        `the network gives [${shape.join(', ')}] at ${output}, which is no row of 2 to ${MAX_DIMENSIONS} features per image: name a node behind its pooling`,
      )
    if (!values.every((value) => Number.isFinite(value)))
      throw new ExtractorError(`the network gives features that are not finite at ${output}`)
    return values
  } finally {
    fed.dispose()
  }
}

/** What goes in: three channels, resized, in its range. Nothing is averaged when images shrink, as in tf.image.resize. */
function prepared(
  images: Uint8Array,
  shape: [number, number, number, number],
  { size, range }: FeatureNetwork,
): Tensor4D {
  const [black, white] = ranges[range]
  return tf.tidy(() => {
    const read = tf.tensor4d(Float32Array.from(images), shape)
    const colour = shape[3] === 3 ? read : tf.tile(read, [1, 1, 1, 3])
    const sized =
      size === null || size === shape[1] ? colour : tf.image.resizeBilinear(colour, [size, size], false, true)
    return tf.add(tf.mul(sized, (white - black) / 255), black) as Tensor4D
  })
}
