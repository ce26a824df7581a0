import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import type { ImageSource } from '../events.js'
import { slicedWasserstein } from '../oracles/index.js'
import { sfc32 } from '../sfc32.js'
import { aSpec, collect, only } from '../testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const SIZE = 16
const PIXELS = SIZE * SIZE

/** Images of one round spot each, of random place and width: something that a small WGAN learns in seconds. */
function spots(numImages: number): Uint8Array {
  const next = sfc32([7, 7])
  const uniform = (low: number, high: number) => low + ((high - low) * next()) / 2 ** 32
  const pixels = new Uint8Array(numImages * PIXELS)
  for (let image = 0; image < numImages; image++) {
    const [x, y, width] = [uniform(4, 12), uniform(4, 12), uniform(1.5, 3.5)]
    for (let i = 0; i < PIXELS; i++) {
      const squared = ((i % SIZE) - x) ** 2 + (Math.floor(i / SIZE) - y) ** 2
      pixels[image * PIXELS + i] = Math.round(255 * Math.exp(-squared / (2 * width ** 2)))
    }
  }
  return pixels
}

const all = spots(1536)
const training: ImageSource = {
  numImages: 1024,
  imageSize: SIZE,
  channels: 1,
  read(indices) {
    const batch = new Uint8Array(indices.length * PIXELS)
    indices.forEach((index, i) => batch.set(all.subarray(index * PIXELS, (index + 1) * PIXELS), i * PIXELS))
    return batch
  },
}
const floats = (bytes: ArrayLike<number>) => Float32Array.from(bytes, (value) => value / 127.5 - 1)
const heldOut = floats(all.subarray(1024 * PIXELS))

const precisions = ['float32', 'bfloat16'] as const
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('bfloat16 beside float32', () => {
  test.each([1, 2])(
    'losses stay within 2 % of the largest over 50 steps at the authors’ rates, seed %d',
    async (seed) => {
      const [exact, low] = await Promise.all(
        precisions.map(async (precision) => {
          const spec = aSpec({
            model: { imageSize: SIZE, latentSize: 100, generatorFilters: 32, criticFilters: 32 },
            schedule: { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
            budget: { generatorSteps: 50 },
            batchSize: 64,
            precision,
            seed,
          })
          const points = only(await collect({ spec, images: training }), 'point')
          return points.map(({ point: { values } }) => ({
            critic: values[1] as number,
            generator: values[2] as number,
          }))
        }),
      )
      for (const loss of ['critic', 'generator'] as const) {
        const largest = Math.max(...exact!.map((point) => Math.abs(point[loss])))
        const errors = exact!.map((point, i) => Math.abs(point[loss] - low![i]![loss]) / largest)
        expect([loss, Math.max(...errors) < 0.02]).toEqual([loss, true])
        // Not the same computation under another name.
        expect(Math.max(...errors)).toBeGreaterThan(1e-5)
      }
    },
  )

  test('over five paired seeds, what is learned is no worse than float32’s own spread', async () => {
    const distances: Record<(typeof precisions)[number], number[]> = { float32: [], bfloat16: [] }
    const untrained: number[] = []
    for (const seed of [1, 2, 3, 4, 5]) {
      for (const precision of precisions) {
        const spec = aSpec({
          model: { imageSize: SIZE, latentSize: 16, generatorFilters: 16, criticFilters: 16 },
          optimizer: { kind: 'rmsprop', criticLearningRate: 2e-4, generatorLearningRate: 2e-4 },
          schedule: { warmup: { generatorSteps: 2, criticSteps: 50 }, every: { generatorSteps: 0 } },
          sampling: { every: 1_000_000, count: 256 },
          budget: { generatorSteps: 200 },
          batchSize: 32,
          precision,
          seed,
        })
        const samples = only(await collect({ spec, images: training }), 'sample').map(({ images }) =>
          slicedWasserstein(floats(images), heldOut, PIXELS),
        )
        untrained.push(samples[0] as number)
        distances[precision].push(samples.at(-1) as number)
      }
    }
    const { float32, bfloat16 } = distances
    const spread = Math.max(...float32) - Math.min(...float32)
    expect(mean(float32)).toBeLessThan(0.85 * mean(untrained))
    expect(mean(bfloat16) - mean(float32)).toBeLessThan(spread)
    expect(Math.max(...bfloat16)).toBeLessThan(Math.max(...float32) + spread)
  }, 300_000)
})
