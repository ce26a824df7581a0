// Networks that are conditional on the class of an image, whole runs of them.
import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { float32Values, readSafetensors } from './checkpoint/safetensors.js'
import { openDrawing } from './drawing.js'
import { openGenerator } from './generator.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from './testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const SIZE = 16
/** Grey levels of the classes. */
const LEVELS = [32, 96, 160, 224]
/** From a level: nearer than to any other. */
const NEARER = 32

/** Even images with a little noise, as bright as their class says. */
function brightness(numImages = 256) {
  const labels = Int32Array.from({ length: numImages }, (_, i) => (i * 7) % LEVELS.length)
  return {
    numImages,
    imageSize: SIZE,
    channels: 1,
    labels,
    read: (indices: Int32Array) =>
      Uint8Array.from(
        { length: indices.length * SIZE * SIZE },
        (_, i) => LEVELS[labels[indices[Math.floor(i / SIZE ** 2)]!]!]! + ((i * 31) % 9) - 4,
      ),
  }
}

const model = { ...aSpec().model, critic: 'dcgan-nobn', generatorFilters: 16, criticFilters: 8, classes: LEVELS.length }

/** Mean grey level of each image. */
function meansOf(images: Uint8Array | Float32Array, numImages: number): number[] {
  const size = images.length / numImages
  return Array.from(
    { length: numImages },
    (_, i) => Array.from(images.subarray(i * size, (i + 1) * size)).reduce((sum, value) => sum + value, 0) / size,
  )
}

describe('a conditional run', () => {
  test('learns what its classes look like: each is drawn at its own brightness, and nothing else tells them apart', async () => {
    const spec = aSpec({
      model,
      objective: { kind: 'wgan-gp' },
      optimizer: { kind: 'adam', criticLearningRate: 1e-3, generatorLearningRate: 1e-3, beta1: 0.5, beta2: 0.9 },
      schedule: { criticSteps: 3, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
      batchSize: 16,
      budget: { generatorSteps: 300 },
      sampling: { every: 300, count: 16 },
      heldOut: 32,
    })
    const events = await collect({ spec, images: brightness() })
    const checkpoint = lastCheckpoint(events)

    // The grid: a column per class.
    const { images, numImages } = only(events, 'sample').at(-1)!
    const errors = meansOf(images, numImages).map((mean, i) => Math.abs(mean - LEVELS[i % LEVELS.length]!))
    expect(Math.max(...errors)).toBeLessThan(NEARER)

    // Asked for by class, from the very same latents.
    const generator = openGenerator(checkpoint, 1)
    const drawing = await openDrawing(checkpoint)
    for (const [one, level] of LEVELS.entries()) {
      const classes = new Int32Array(8).fill(one)
      const made = meansOf(generator.images(8, { seed: 3, batchNorm: 'running', classes }), 8)
      for (const mean of made) expect(Math.abs(mean - level)).toBeLessThan(NEARER)
      const [drawn] = meansOf(drawing.draw(drawing.latentOf(3), 'running', Int32Array.of(one)), 1)
      expect(Math.abs(drawn! * 127.5 + 127.5 - level)).toBeLessThan(NEARER)
    }
    generator.dispose()
    drawing.dispose()

    // Looks at the networks are given the classes too.
    const figures = only(events, 'point').find(({ point }) => point.step === 300)!.point.diagnostics!
    for (const name of ['slope_between', 'layer_slope', 'w_floor', 'overfit_gap'] as const) {
      expect(figures[name]).toEqual(expect.any(Number))
    }
  }, 120_000)

  test('keeps a row per class, and the projection’s vectors in the box of the other weights', async () => {
    const spec = aSpec({
      model: { ...aSpec().model, classes: 5 },
      objective: { kind: 'wgan-clip', clamp: 'after' },
      budget: { generatorSteps: 2 },
    })
    const file = readSafetensors(lastCheckpoint(await collect({ spec, images: someImages() })))
    expect(file.tensors.get('netG.main.initial:8:batchnorm.weight')?.shape).toEqual([5, 8])
    expect(file.tensors.get('netG.main.initial:8:batchnorm.running_mean')?.shape).toEqual([8])
    const vectors = float32Values(file, 'netD.projection.weight', [5, 128])
    expect(Math.max(...vectors.map(Math.abs))).toBe(Math.fround(0.01))
    expect(file.tensors.has('optimizerD.square_avg.projection.weight')).toBe(true)
  })

  test('leaves images without a label out; without labels, or with more of them than classes, it does not begin', async () => {
    const spec = aSpec({ model: { ...aSpec().model, classes: 5 }, budget: { generatorSteps: 4 } })
    const read = new Set<number>()
    const images = someImages(30)
    const labels = images.labels!.map((label, i) => (i < 10 ? -1 : label))
    const watched = (indices: Int32Array) => {
      indices.forEach((index) => read.add(index))
      return images.read(indices)
    }
    await collect({ spec, images: { ...images, labels, read: watched } })
    expect([...read].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 10))

    const { labels: _, ...unlabelled } = images
    await expect(collect({ spec, images: unlabelled })).rejects.toThrow('no such labels')
    const few = aSpec({ model: { ...aSpec().model, classes: 4 } })
    await expect(collect({ spec: few, images })).rejects.toThrow('conditional on 4 classes')
  })
})
