import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
import { encodeGrid, makeGrid } from './sample-grid.js'

/** Image i is filled with the value i + 1. */
const flat = (numImages: number, imageSize: number, channels: number) => {
  const bytes = imageSize * imageSize * channels
  return {
    numImages,
    imageSize,
    channels,
    pixels: Uint8Array.from({ length: numImages * bytes }, (_, at) => Math.floor(at / bytes) + 1),
  }
}

describe('makeGrid', () => {
  test('is 8 wide with 2 black pixels between and around, as torchvision.utils.make_grid', () => {
    const { pixels, width, height, columns } = makeGrid(flat(10, 4, 1))

    expect({ width, height, columns }).toEqual({ width: 8 * 6 + 2, height: 2 * 6 + 2, columns: 8 })
    const at = (x: number, y: number) => pixels[y * width + x]
    expect(at(0, 0)).toBe(0)
    expect(at(2, 2)).toBe(1)
    expect(at(5, 5)).toBe(1)
    expect(at(6, 2)).toBe(0)
    expect(at(8, 2)).toBe(2)
    expect(at(2, 8)).toBe(9)
    expect(at(8, 8)).toBe(10)
    // The last row is not full.
    expect(at(14, 8)).toBe(0)
  })

  test('is narrower when there are fewer images than columns', () => {
    expect(makeGrid(flat(3, 4, 3))).toMatchObject({ width: 3 * 6 + 2, height: 8, columns: 3 })
  })

  test('has a column per class where classes take turns, as long as a screen holds them', () => {
    expect(makeGrid({ ...flat(20, 4, 1), classes: 10 })).toMatchObject({ columns: 10, width: 10 * 6 + 2, height: 14 })
    expect(makeGrid({ ...flat(6, 4, 1), classes: 10 })).toMatchObject({ columns: 6 })
    expect(makeGrid({ ...flat(20, 4, 1), classes: 100 })).toMatchObject({ columns: 8 })
  })

  test('refuses bytes of another shape', () => {
    expect(() => makeGrid({ ...flat(3, 4, 1), numImages: 4 })).toThrow('48 bytes, expected 64')
  })

  test.each([1, 3])('the PNG gives back the grid, %i channel(s)', async (channels) => {
    const images = flat(5, 4, channels)

    const { png } = await encodeGrid(images)
    const { data, info } = await sharp(png)
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })

    expect(info.channels).toBe(channels)
    expect(Buffer.compare(data, Buffer.from(makeGrid(images).pixels))).toBe(0)
    expect((await sharp(png).metadata()).channels).toBe(channels)
  })
})
