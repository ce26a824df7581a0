// What every metric must tell from real images, on MNIST: a dropped class, blur, noise, one class alone.
import { beforeAll, describe, expect, test } from '@jest/globals'
import { type MetricName, metricsFor } from '@kantor/contracts'
import { readImages } from '@kantor/datasets'
import { loadTensorFlow } from '@kantor/engine'
import { type Extractor, openExtractor } from '../extractors/extractor.js'
import { makeRandomExtractor, trainClassifier } from '../extractors/train-classifier.js'
import { blurred } from './blurred.js'
import { openComparison } from './evaluate.js'
import { metrics } from './metrics.js'

const NUM_IMAGES = 6000
const MEASURED = 300

describe('on MNIST', () => {
  const found: Record<string, Record<MetricName, number>> = {}
  let classifier: Extractor

  beforeAll(async () => {
    await loadTensorFlow({ threads: 1 })
    const all = await readImages({ kind: 'mnist' }, { imageSize: 16 })
    const read = (indices: Int32Array) => {
      const bytes = new Uint8Array(indices.length * 256)
      indices.forEach((index, i) => bytes.set(all.images.subarray(index * 256, (index + 1) * 256), i * 256))
      return bytes
    }
    const images = { numImages: NUM_IMAGES, imageSize: 16, channels: 1, read, labels: all.labels!, numClasses: 10 }
    classifier = openExtractor(trainClassifier(images), images)
    const extractors = [classifier, openExtractor(makeRandomExtractor(images), images)]
    const { other, compare } = openComparison(images, extractors, MEASURED)
    /** Images that no split holds. */
    const spare = (fits: (label: number) => boolean) => {
      const indices = Array.from({ length: 20_000 }, (_, i) => NUM_IMAGES + i).filter((i) =>
        fits(all.labels![i] as number),
      )
      return read(Int32Array.from(indices.slice(0, MEASURED)))
    }
    let state = 1
    const noise = Uint8Array.from({ length: MEASURED * 256 }, () => (state = (state * 48_271) % 2_147_483_647) & 255)
    const sets = {
      floor: other,
      dropped: spare((label) => label !== 4),
      blurred: blurred(other, 16, 1),
      alone: spare((label) => label === 4),
      noise,
    }
    for (const [name, pixels] of Object.entries(sets)) {
      const comparison = compare(pixels)
      found[name] = Object.fromEntries(
        metricsFor({ labels: ['0', '1'] }).map((metric) => [metric, metrics[metric](comparison).value]),
      ) as Record<MetricName, number>
    }
  })

  test('the classifier names nearly all held-out digits', () => {
    expect(classifier.accuracy).toBeGreaterThan(0.88)
    expect(classifier.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each(['fid_classifier', 'kid_classifier', 'fid_random', 'kid_random'] as const)(
    '%s rises from the floor over a dropped class and blur to noise',
    (name) => {
      const of = (set: string) => found[set]![name]
      expect(of('dropped')).toBeGreaterThan(of('floor'))
      expect(of('blurred')).toBeGreaterThan(2 * of('floor'))
      expect(of('alone')).toBeGreaterThan(of('dropped'))
      expect(of('noise')).toBeGreaterThan(of('blurred'))
    },
  )

  test('coverage sees the dropped class, precision the noise, recall the class alone', () => {
    expect(found['floor']!.coverage).toBeGreaterThan(0.93)
    expect(found['dropped']!.coverage).toBeLessThan(found['floor']!.coverage)
    expect(found['alone']!.coverage).toBeLessThan(0.3)
    expect(found['alone']!.recall).toBeLessThan(0.5)
    expect(found['noise']!.precision).toBeLessThan(0.1)
    expect(found['noise']!.density).toBeLessThan(0.1)
    expect(found['blurred']!.density).toBeLessThan(found['floor']!.density)
  })

  test('the inception score is the most that real images get, and near 1 of one class', () => {
    expect(found['floor']!.is_classifier).toBeGreaterThan(7)
    expect(found['alone']!.is_classifier).toBeLessThan(2)
  })

  test('class_kl is near 0 between real images, log 10 of one class alone, and a dropped class is above the floor', () => {
    expect(found['floor']!.class_kl).toBeLessThan(0.1)
    expect(found['dropped']!.class_kl).toBeGreaterThan(2 * found['floor']!.class_kl)
    expect(found['alone']!.class_kl).toBeGreaterThan(1.5)
    expect(found['alone']!.class_kl).toBeLessThan(2.6)
  })

  test('neighbours cannot tell real from real, and tell the rest', () => {
    expect(Math.abs(found['floor']!.nn_accuracy - 0.5)).toBeLessThan(0.07)
    for (const set of ['alone', 'noise']) expect(found[set]!.nn_accuracy).toBeGreaterThan(0.75)
  })

  test('pixels and patches: sliced W1 and the patch distance rise to noise, noise is far from every image', () => {
    for (const name of ['sliced_w1', 'swd', 'nn_distance'] as const) {
      expect(found['noise']![name]).toBeGreaterThan(2 * found['floor']![name])
      if (name !== 'nn_distance') expect(found['blurred']![name]).toBeGreaterThan(found['floor']![name])
    }
    expect(found['alone']!.sliced_w1).toBeGreaterThan(found['dropped']!.sliced_w1)
  })
})
