import { describe, expect, test } from '@jest/globals'
import { splitImages } from '../held-out.js'
import { aSpec, someImages } from '../testing/runs.js'
import { diversity, type PixelImages, referenceOf } from './diversity.js'
import { optimalityGap } from './optimality-gap.js'

const SIZE = 32
const indices = (count: number, from = 0) => Int32Array.from({ length: count }, (_, i) => from + i)
/** Noise, another for each index. */
function noise(of: Int32Array): PixelImages {
  const pixels = new Uint8Array(of.length * SIZE * SIZE * 3)
  of.forEach((index, n) => {
    let state = index + 1
    for (let i = 0; i < SIZE * SIZE * 3; i++) {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i
      pixels[n * SIZE * SIZE * 3 + i] = state >>> 24
    }
  })
  return { pixels, numImages: of.length, imageSize: SIZE, channels: 3 }
}

describe('the diversity of samples', () => {
  const real = referenceOf(noise(indices(48)))

  test('of other images of the kind is about that of the real ones', () => {
    const { diversity: ratio, near_duplicates: near } = diversity(noise(indices(48, 100)), real)
    expect(ratio).toBeGreaterThan(0.95)
    expect(ratio).toBeLessThan(1.05)
    expect(near).toBeLessThan(0.05)
  })

  test('of a collapsed generator is none; of one with three modes a third of the pairs are near', () => {
    expect(diversity(noise(new Int32Array(48).fill(7)), real)).toEqual({ diversity: 0, near_duplicates: 1 })
    const { near_duplicates: near } = diversity(noise(indices(48).map((i) => i % 3)), real)
    expect(near).toBeCloseTo((3 * 16 * 15) / (48 * 47), 5)
  })

  test('of one image cannot be told', () => {
    expect(diversity(noise(indices(1)), real)).toEqual({})
  })
})

describe('the optimality gap', () => {
  const rising = Array.from({ length: 100 }, (_, i) => 1 - Math.exp(-i / 20))
  test('is large for a critic that the burst improved, small for one that was at its best', () => {
    expect(optimalityGap(rising)).toBeGreaterThan(0.85)
    expect(optimalityGap(rising.map(() => 0.7))).toBeCloseTo(0, 10)
  })
  test('is not told of a short series, or of an estimate that ends below 0', () => {
    expect(optimalityGap(rising.slice(0, 19))).toBeUndefined()
    expect(optimalityGap(rising.map((value) => -value))).toBeUndefined()
  })
})

test('images that are held out are never among those that are trained on, and are the same for every run', () => {
  const images = { ...someImages(20), read: (of: Int32Array) => Uint8Array.from(of) }
  const spec = aSpec({ heldOut: 6 })
  const { training, heldOut } = splitImages(images, spec)
  const read = (source: typeof training) => [...source.read(indices(source.numImages))]
  expect([...read(training), ...read(heldOut!)].toSorted((a, b) => a - b)).toEqual([...indices(20)])
  expect(read(heldOut!)).toHaveLength(6)
  expect(read(splitImages(images, spec).heldOut!)).toEqual(read(heldOut!))
  // Not the first or the last ones: data sets are often sorted by class.
  expect(read(heldOut!)).not.toEqual([...indices(6)])
  expect(splitImages(images, aSpec())).toEqual({ training: images, heldOut: null })
})
