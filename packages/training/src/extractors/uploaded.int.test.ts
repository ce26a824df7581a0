import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { FeatureNetwork } from '@kantor/contracts'
import { graphDefBytes, loadTensorFlow, tf } from '@kantor/engine'
import { epochOrder } from '../data-order.js'
import { evaluate } from '../evaluation/evaluate.js'
import { openGenerator } from '../generator.js'
import { frechetDistance } from '../quality/index.js'
import { featuresOf, frozenNetwork, NUM_FEATURES } from '../testing/frozen-network.js'
import { aSpec, collect, lastCheckpoint, someImages } from '../testing/runs.js'
import { SPLIT_SEED } from './train-classifier.js'
import { ExtractorError, openUploadedExtractor } from './uploaded.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const inception: FeatureNetwork = { input: 'ExpandDims', output: 'pool_3', size: null, range: '0..255' }
const SIZE = 16
const NUM_IMAGES = 90
const graph = frozenNetwork()

const pixels = (count: number, channels: number) =>
  Uint8Array.from({ length: count * SIZE ** 2 * channels }, (_, i) => 127 * (1 + Math.sin(i * (1 + (i % 97) / 50))))

/** What the same network gives, computed by the engine from images of 0 to 255. */
const expected = (images: Uint8Array, channels: number) =>
  tf.tidy(() => {
    const read = tf.tensor4d(Float32Array.from(images), [images.length / SIZE ** 2 / channels, SIZE, SIZE, channels])
    return featuresOf(channels === 3 ? read : tf.tile(read, [1, 1, 1, 3]))
  })

const farthest = (a: Float32Array, b: Float32Array) => {
  expect(a).toHaveLength(b.length)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

const open = (network: Partial<FeatureNetwork>, file = graph, channels = 3) =>
  openUploadedExtractor(file, { network: { ...inception, ...network }, imageSize: SIZE, channels })

describe('a network of one’s own', () => {
  test.each([1, 3])(
    'with the ops and the age of Inception’s gives the features of its layers, of %i channels',
    (channels) => {
      const extractor = open({}, graph, channels)
      const images = pixels(37, channels)
      const { points, probabilities } = extractor.extract(images)
      expect(points.dimensions).toBe(NUM_FEATURES)
      expect(farthest(points.values, expected(images, channels))).toBeLessThan(1e-5)
      expect(probabilities).toBeNull()
      expect(extractor).toMatchObject({ kind: 'uploaded', accuracy: null, dimensions: NUM_FEATURES })
      expect(extractor.sha256).toBe(createHash('sha256').update(graph).digest('hex'))
      extractor.dispose()
    },
  )

  test('gets images of the size and the range that it was uploaded with', () => {
    const images = pixels(3, 3)
    const fed = tf.tidy(() => {
      const read = tf.tensor4d(Float32Array.from(images), [3, SIZE, SIZE, 3])
      const resized = tf.image.resizeBilinear(read, [24, 24], false, true)
      return featuresOf(tf.sub(tf.mul(resized, 2 / 255), 1))
    })
    const before = tf.memory().numTensors
    const extractor = open({ size: 24, range: '-1..1' })
    expect(farthest(extractor.extract(images).points.values, fed)).toBeLessThan(1e-5)
    extractor.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test.each<[string, Partial<FeatureNetwork>, Uint8Array, RegExp]>([
    ['bytes that are no graph', {}, Uint8Array.of(1, 2, 3, 4, 5), /cannot be loaded/],
    [
      'a graph that TensorFlow does not know',
      {},
      graphDefBytes([{ name: 'x', op: 'Nonsense', inputs: [], attributes: {} }]),
      /Nonsense/,
    ],
    ['a node that is not there', { output: 'pool_4' }, graph, /does not run from ExpandDims to pool_4/],
    ['a node before the pooling', { output: 'conv' }, graph, /\[2, 10, 10, 6\] at conv, which is no row/],
    ['a graph for one image at a time', { output: 'pool_3/_reshape' }, graph, /pool_3\/_reshape/],
    ['an output that is the input’s size', { output: 'ResizeBilinear/size' }, graph, /not of float32/],
    ['numbers that are not finite', { output: 'infinities' }, graph, /not finite/],
  ])('is refused for %s', (_, network, file, words) => {
    const act = () => open(network, file)
    expect(act).toThrow(ExtractorError)
    expect(act).toThrow(words)
  })

  test('measures a checkpoint: the distance is that of its features, by the weights that are asked for', async () => {
    const images = someImages(NUM_IMAGES, SIZE, 1)
    const optimizer = { kind: 'rmsprop', criticLearningRate: 1e-2, generatorLearningRate: 1e-2 }
    const spec = aSpec({ generatorAverage: { decay: 0.9 }, optimizer })
    const checkpoint = lastCheckpoint(await collect({ spec, images, stopAfter: 3 }))
    const extractors = [open({}, graph, 1)]
    const measure = (weights?: 'generator' | 'average') =>
      evaluate({ checkpoint, images, extractors, metrics: ['fid_uploaded', 'kid_uploaded'], numImages: 1000, weights })
    const distance = (weights: 'generator' | 'average') => {
      const generator = openGenerator(checkpoint, 1, weights)
      const made = generator.images(30, { seed: SPLIT_SEED, batchNorm: 'batch' })
      generator.dispose()
      const reference = images.read(epochOrder(NUM_IMAGES, SPLIT_SEED, 0).subarray(0, 30)) as Uint8Array
      const [real, drawn] = [reference, made].map((some) => ({ values: expected(some, 1), dimensions: NUM_FEATURES }))
      return frechetDistance(real!, drawn!)
    }
    const [average, plain] = [measure(), measure('generator')]
    expect(average).toMatchObject({
      weights: 'average',
      extractors: [{ kind: 'uploaded', sha256: extractors[0]!.sha256, dimensions: NUM_FEATURES, network: inception }],
      warnings: [],
    })
    expect(average.measurements.map(({ name }) => name)).toEqual(['fid_uploaded', 'kid_uploaded'])
    const [first, second] = [average, plain].map(({ measurements }) => measurements[0]!)
    expect(first).toMatchObject({ images: 30, extractor: extractors[0]!.sha256 })
    expect(first!.value / distance('average')).toBeCloseTo(1, 4)
    expect(second!.value / distance('generator')).toBeCloseTo(1, 4)
    expect(first!.value).not.toBeCloseTo(second!.value, 6)
    expect(first!.value).toBeGreaterThan(first!.floor)
    const few = evaluate({
      checkpoint,
      images: { ...images, numImages: 48 },
      extractors: [{ ...extractors[0]!, dimensions: 16 }],
      metrics: ['fid_uploaded'],
      numImages: 16,
    })
    expect(few.warnings).toEqual([expect.stringMatching(/^fid_uploaded: 16 images .* ask for 17/)])
  })
})
