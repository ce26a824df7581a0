import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
import { gradient } from '../fixtures/source-files.js'
import { decodeImage } from './decode-image.js'

const grey = (width: number, height: number) =>
  sharp(Buffer.from(Array.from({ length: width * height }, (_, i) => i)), { raw: { width, height, channels: 1 } })

const jpeg = () => gradient(64, 64).jpeg().toBuffer()

describe('decodeImage', () => {
  test.each<[string, () => Promise<Buffer>, 1 | 3]>([
    ['PNG', () => gradient(12, 8).png().toBuffer(), 3],
    ['lossless WebP', () => gradient(12, 8).webp({ lossless: true }).toBuffer(), 3],
    ['16-bit PNG', () => gradient(12, 8).toColourspace('rgb16').png().toBuffer(), 3],
    ['grey PNG', () => grey(12, 8).toColourspace('b-w').png().toBuffer(), 1],
    ['16-bit grey PNG', () => grey(12, 8).toColourspace('grey16').png().toBuffer(), 1],
    ['grey PNG with alpha', () => grey(12, 8).ensureAlpha(0.5).toColourspace('b-w').png().toBuffer(), 1],
    ['PNG with alpha', () => gradient(12, 8).ensureAlpha(0.25).png().toBuffer(), 3],
  ])('reads %s exactly, alpha dropped', async (_, make, channels) => {
    const image = await decodeImage(await make())

    const original = await (channels === 1 ? grey(12, 8).toColourspace('b-w') : gradient(12, 8)).raw().toBuffer()
    expect(image).toMatchObject({ width: 12, height: 8, channels })
    expect(Buffer.compare(image.pixels, original)).toBe(0)
  })

  test('reads CMYK and grey JPEG', async () => {
    const cmyk = await decodeImage(await gradient(32, 32).toColourspace('cmyk').jpeg().toBuffer())
    const blackWhite = await decodeImage(await grey(12, 8).toColourspace('b-w').jpeg({ quality: 100 }).toBuffer())

    expect(cmyk).toMatchObject({ width: 32, height: 32, channels: 3 })
    expect(blackWhite).toMatchObject({ width: 12, height: 8, channels: 1 })
    expect(Math.max(...blackWhite.pixels.map((value, i) => Math.abs(value - i)))).toBeLessThanOrEqual(3)
  })

  test.each([2, 3, 4, 5, 6, 7, 8])('turns an image of EXIF orientation %i upright', async (orientation) => {
    const tagged = await gradient(16, 8).withMetadata({ orientation }).png().toBuffer()

    const image = await decodeImage(tagged)

    const [width, height] = orientation >= 5 ? [8, 16] : [16, 8]
    expect(image).toMatchObject({ width, height })
    // Where the stored left top corner (red and green 0) lies once upright, by the EXIF standard.
    const right = [2, 3, 6, 7].includes(orientation)
    const bottom = [3, 4, 7, 8].includes(orientation)
    const corner = ((bottom ? height - 1 : 0) * width + (right ? width - 1 : 0)) * 3
    expect([...image.pixels.subarray(corner, corner + 2)]).toEqual([0, 0])
  })

  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ['an empty file', async () => new Uint8Array(0), /empty/],
    ['a cut JPEG', async () => (await jpeg()).subarray(0, -40), /./],
    ['a cut PNG', async () => (await gradient(64, 64).png().toBuffer()).subarray(0, 200), /./],
    ['a JPEG’s first bytes and a web page', async () => Buffer.from('\xff\xd8\xff<html>', 'latin1'), /./],
    ['a GIF', () => gradient(8, 8).gif().toBuffer(), /neither JPEG/],
    ['a TIFF', () => gradient(8, 8).tiff().toBuffer(), /neither JPEG/],
    [
      'an SVG',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      /neither JPEG/,
    ],
    [
      'more than 50 megapixels',
      () =>
        sharp({ create: { width: 9000, height: 6000, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
      /pixel limit/,
    ],
  ])('refuses %s', async (_, make, reason) => {
    await expect(decodeImage(await make())).rejects.toMatchObject({
      name: 'UnreadableImage',
      message: expect.stringMatching(reason),
    })
  })
})
