import { beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoBaselines, demoBaselines } from './demo-baselines.js'
import { type ImageSet, readImages } from './read-images.js'

const imageSize = 16
const imageBytes = imageSize * imageSize
const numImages = 200

let train: ImageSet
let heldOut: ImageSet
let drawn: DemoBaselines

beforeAll(async () => {
  train = await readImages({ kind: 'mnist' }, { imageSize, limit: 3000 })
  heldOut = await readImages({ kind: 'mnist', split: 'test' }, { imageSize, limit: 1000 })
  drawn = demoBaselines({ train, heldOut, numImages, seed: 1 })
})

/** Hash-free identity of an image inside a set of them. */
const split = (images: Uint8Array) =>
  Array.from({ length: images.length / imageBytes }, (_, i) =>
    Buffer.from(images.subarray(i * imageBytes, (i + 1) * imageBytes)).toString('latin1'),
  )
const meanOf = (images: Uint8Array) => images.reduce((sum, value) => sum + value, 0) / images.length
/** Energy of the differences between neighbours: what a blur takes away. */
const detail = (images: Uint8Array) =>
  images.reduce((sum, value, i) => sum + (value - (images[i - 1] ?? value)) ** 2, 0)

describe('demoBaselines', () => {
  test('gives as many images of each kind', () => {
    for (const set of [drawn.reference, ...Object.values(drawn.sets)])
      expect(set.byteLength).toBe(numImages * imageBytes)
  })

  test('the floor and the reference share no image, and both are held out', () => {
    const all = new Set(split(heldOut.images))
    const reference = new Set(split(drawn.reference))
    const real = split(drawn.sets.real)

    expect([...reference, ...real].every((image) => all.has(image))).toBe(true)
    expect(real.some((image) => reference.has(image))).toBe(false)
    expect(new Set(real).size).toBe(numImages)
  })

  test('blurring keeps the brightness and takes the detail', () => {
    const { real, blurred } = drawn.sets

    expect(Math.abs(meanOf(blurred) / meanOf(real) - 1)).toBeLessThan(0.05)
    expect(detail(blurred)).toBeLessThan(detail(real) / 2)
  })

  test('one class is one class of the training images', () => {
    const labels = new Map(split(train.images).map((image, i) => [image, train.labels[i]]))

    const found = new Set(split(drawn.sets['one-class']).map((image) => labels.get(image)))

    expect(found.size).toBe(1)
    expect([...found][0]).toBeGreaterThanOrEqual(0)
  })

  test('mean and noise have the training images’ brightness; noise has its own', () => {
    expect(meanOf(drawn.sets.noise)).toBeCloseTo(127.5, 0)
    expect(Math.abs(meanOf(drawn.sets['mean-noise']) / meanOf(train.images) - 1)).toBeLessThan(0.35)
  })

  test('the same seed gives the same sets, another seed others', () => {
    expect(demoBaselines({ train, heldOut, numImages, seed: 1 })).toEqual(drawn)
    expect(demoBaselines({ train, heldOut, numImages, seed: 2 })).not.toEqual(drawn)
  })

  test('refuses too few held-out images, and images without labels', () => {
    const unlabelled = { ...train, labels: train.labels.map(() => -1) }

    expect(() => demoBaselines({ train, heldOut, numImages: 501, seed: 1 })).toThrow(/too few/)
    expect(() => demoBaselines({ train: unlabelled, heldOut, numImages, seed: 1 })).toThrow(/no labels/)
  })
})
