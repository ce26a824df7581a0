import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { idx, idxImages, scratchDirectory, write } from '../../fixtures/source-files.js'
import { openIdx } from './idx.js'
import type { SourceImage } from './source.js'

const collect = async (images: AsyncIterable<SourceImage>) => {
  const all: SourceImage[] = []
  for await (const image of images) all.push(image)
  return all
}

describe('openIdx', () => {
  test.each([
    ['plain', (bytes: Uint8Array) => bytes],
    ['gzipped', (bytes: Uint8Array) => gzipSync(bytes)],
  ])('reads %s images and labels', async (_, pack) => {
    const directory = await scratchDirectory()
    const file = idxImages(3, 2, 4)
    const images = await write(directory, 'images', pack(file))
    const labels = await write(directory, 'labels', pack(idx([3], [1, 0, 2])))

    const source = await openIdx({ kind: 'idx', images, labels })
    const read = await collect(source.images())

    expect(source).toMatchObject({ width: 4, height: 2, channels: 1, encoding: 'raw', labelNames: ['0', '1', '2'] })
    expect(read.map(({ label }) => label)).toEqual([1, 0, 2])
    expect(Buffer.concat(read.map(({ bytes }) => bytes))).toEqual(file.subarray(16))
  })

  test('reads images larger than a chunk of the file, and twice', async () => {
    const file = idxImages(2, 1200, 1100)
    const images = await write(await scratchDirectory(), 'images', file)

    const source = await openIdx({ kind: 'idx', images })
    const first = await collect(source.images())
    const again = await collect(source.images())

    expect(Buffer.concat(first.map(({ bytes }) => bytes)).equals(file.subarray(16))).toBe(true)
    expect(again.map(({ label }) => label)).toEqual([-1, -1])
  })

  const good = idxImages(3, 2, 4)
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /truncated: 0 bytes/],
    ['half a header', good.subarray(0, 9), /not even a header/],
    ['labels in the images’ place', idx([24], good.subarray(16)), /starts with 0x00000801/],
    ['a web page', Buffer.from('<!doctype html><html></html>'), /IDX images start with 0x00000803/],
    ['no images', idx([0, 2, 4], []), /says 0 images/],
    ['images of no width', idx([3, 2, 0], []), /says 3 images of 2 × 0/],
    ['an absurd size', idx([1, 70_000, 70_000], []), /1 to 4096 pixels/],
    ['a byte too few', good.subarray(0, -1), /truncated: 23 of 24 bytes/],
    ['a byte too many', Buffer.concat([good, Buffer.of(0)]), /goes on after the 24 bytes/],
    ['a cut gzip', gzipSync(idxImages(50, 28, 28)).subarray(0, 900), /unexpected end of file/],
    ['a broken gzip', gzipSync(good).fill(0xff, 12, 20), /cannot be read/],
  ])('refuses %s', async (_, bytes, why) => {
    const images = await write(await scratchDirectory(), 'images', bytes)

    const reading = openIdx({ kind: 'idx', images }).then((source) => collect(source.images()))

    await expect(reading).rejects.toMatchObject({ code: 'dataset-invalid', detail: expect.stringMatching(why) })
  })

  test('refuses labels of another number, or outside the names', async () => {
    const directory = await scratchDirectory()
    const images = await write(directory, 'images', good)
    const four = await write(directory, 'four', idx([4], [0, 1, 2, 3]))
    const high = await write(directory, 'high', idx([3], [0, 1, 7]))

    await expect(openIdx({ kind: 'idx', images, labels: four })).rejects.toThrow(/4 labels for 3 images/)
    await expect(openIdx({ kind: 'idx', images, labels: high, labelNames: ['a', 'b'] })).rejects.toThrow(
      /label 7, but .* 2/,
    )
  })

  test('says that a file is missing', async () => {
    await expect(openIdx({ kind: 'idx', images: '/nowhere/images' })).rejects.toMatchObject({ code: 'not-found' })
  })
})
