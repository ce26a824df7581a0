import { describe, expect, test } from '@jest/globals'
import { seededUniforms } from '../oracles/random.js'
import { nearestImages } from './nearest-images.js'

const SIZE = 16
const CHANNELS = 3
const LENGTH = SIZE * SIZE * CHANNELS

/** A shade and noise per image, so that sums tell some pairs apart; of few values equally near images come up. */
function randomPixels(count: number, seed: number, values = 256): Uint8Array {
  const draw = seededUniforms(seed)
  const shades = Float64Array.from({ length: count }, draw)
  return Uint8Array.from({ length: count * LENGTH }, (_, i) => {
    const value = (shades[Math.floor(i / LENGTH)]! + draw()) / 2
    return Math.floor(value * values) * Math.floor(255 / (values - 1))
  })
}

function sourceOf(pixels: Uint8Array) {
  const largest = { read: 0 }
  const read = (indices: Int32Array) => {
    largest.read = Math.max(largest.read, indices.length)
    return new Uint8Array(Buffer.concat(Array.from(indices, (i) => image(pixels, i))))
  }
  return { images: { numImages: pixels.length / LENGTH, imageSize: SIZE, channels: CHANNELS, read }, largest }
}

const image = (pixels: Uint8Array, i: number) => pixels.subarray(i * LENGTH, (i + 1) * LENGTH)
const numbers = (count: number, each = 1) => Int32Array.from({ length: count }, (_, i) => i * each)

const scaled = (bytes: Uint8Array) => Float64Array.from(bytes, (byte) => (byte / 255) * 2 - 1)

/** As it is written in a book: in the scale −1 … 1, all pairs, a stable sort. */
function naive(queries: Uint8Array, pixels: Uint8Array, among: Int32Array, k: number) {
  return Array.from({ length: queries.length / LENGTH }, (_, query) => {
    const a = scaled(image(queries, query))
    const all = [...among].map((index) => {
      const b = scaled(image(pixels, index))
      return { index, distance: Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / LENGTH) }
    })
    // In double precision equal distances may differ in the last digits.
    return all.toSorted((x, y) => Math.round((x.distance - y.distance) * 1e9) || x.index - y.index).slice(0, k)
  })
}

describe('the nearest images', () => {
  test.each([
    ['of pixels of any value', 256],
    ['of black and white ones', 2],
  ])('are those of a naive search over all pairs, %s', async (_, values) => {
    const pixels = randomPixels(300, 1, values)
    const queries = randomPixels(12, 2, values)
    const among = numbers(150, 2)
    const found = await nearestImages(queries, { images: sourceOf(pixels).images, among, k: 5 })
    const expected = naive(queries, pixels, among, 5)
    expect(found.map((list) => list.map(({ index }) => index))).toEqual(expected.map((l) => l.map((one) => one.index)))
    for (const [q, list] of found.entries())
      for (const [i, { distance }] of list.entries()) expect(distance).toBeCloseTo(expected[q]![i]!.distance, 10)
  })

  test('of an image of the dataset itself is that image, at distance 0; of an image and its copies the lowest number', async () => {
    const pixels = randomPixels(40, 3)
    pixels.set(image(pixels, 30), 7 * LENGTH)
    const { images } = sourceOf(pixels)
    const queries = images.read(Int32Array.of(12, 30))
    const [own, copied] = await nearestImages(queries, { images, among: numbers(40), k: 2 })
    expect(own![0]).toEqual({ index: 12, distance: 0 })
    expect(own![1]!.distance).toBeGreaterThan(0.1)
    expect(copied).toEqual([7, 30].map((index) => ({ index, distance: 0 })))
    // Left out is the image, not what looks like it.
    const others = await nearestImages(queries, { images, among: numbers(40), k: 1, except: Int32Array.of(12, 30) })
    expect(others).toEqual([[own![1]], [{ index: 7, distance: 0 }]])
  })

  test('is at 2 at most: black beside white', async () => {
    const { images } = sourceOf(new Uint8Array(LENGTH))
    const white = new Uint8Array(LENGTH).fill(255)
    expect(await nearestImages(white, { images, among: numbers(1), k: 1 })).toEqual([[{ index: 0, distance: 2 }]])
  })

  test('are found however many there are, a mebibyte of them in memory at a time', async () => {
    const count = Math.floor((3 * 2 ** 20) / LENGTH)
    const last = count - 1
    const pixels = new Uint8Array(count * LENGTH)
    pixels.set(randomPixels(1, 4), last * LENGTH)
    const { images, largest } = sourceOf(pixels)
    const [[found]] = (await nearestImages(images.read(Int32Array.of(last)), {
      images,
      among: numbers(count),
      k: 1,
    })) as [[object]]
    expect(found).toEqual({ index: last, distance: 0 })
    expect(largest.read * LENGTH).toBeLessThanOrEqual(2 ** 20)
  })

  test('cannot be more than there are', async () => {
    const { images } = sourceOf(randomPixels(3, 5))
    const query = images.read(Int32Array.of(0))
    await expect(nearestImages(query, { images, among: numbers(3), k: 4 })).rejects.toThrow(RangeError)
    const without = { images, among: numbers(3), k: 3, except: Int32Array.of(0) }
    await expect(nearestImages(query, without)).rejects.toThrow('2 images')
  })
})
