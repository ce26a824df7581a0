import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
import { cutGrid, type GridShape } from './cut-grid.js'

/** Image i is filled with the value i + 1 and has its number of columns in its first pixel, so that no mix-up stays unseen. */
async function aGrid({ numImages, columns, tileSize, padding, channels }: GridShape): Promise<Buffer> {
  const cell = tileSize + padding
  const [width, height] = [columns * cell + padding, Math.ceil(numImages / columns) * cell + padding]
  const pixels = Buffer.alloc(width * height * channels)
  for (let image = 0; image < numImages; image++) {
    for (let y = 0; y < tileSize; y++) {
      const top = padding + Math.floor(image / columns) * cell + y
      const from = (top * width + padding + (image % columns) * cell) * channels
      pixels.fill(image + 1, from, from + tileSize * channels)
      pixels[from] = y + 100
    }
  }
  const picture = sharp(pixels, { raw: { width, height, channels: channels as 1 | 3 } })
  if (channels === 1) picture.toColourspace('b-w')
  return picture.png().toBuffer()
}

describe('cutGrid', () => {
  test.each([
    { numImages: 10, columns: 4, tileSize: 6, padding: 2, channels: 1 },
    { numImages: 3, columns: 8, tileSize: 5, padding: 0, channels: 3 },
    { numImages: 1, columns: 1, tileSize: 16, padding: 1, channels: 3 },
  ])('gives back $numImages images of $channels channels', async (shape) => {
    const { numImages, tileSize, channels } = shape
    const images = await cutGrid(await aGrid({ ...shape, columns: Math.min(shape.columns, numImages) }), {
      ...shape,
      columns: Math.min(shape.columns, numImages),
    })

    const expected = Buffer.concat(
      Array.from({ length: numImages }, (_, image) => {
        const pixels = Buffer.alloc(tileSize * tileSize * channels, image + 1)
        for (let y = 0; y < tileSize; y++) pixels[y * tileSize * channels] = y + 100
        return pixels
      }),
    )
    expect(Buffer.from(images).equals(expected)).toBe(true)
  })

  test('refuses a picture of another shape', async () => {
    const shape = { numImages: 4, columns: 2, tileSize: 4, padding: 2, channels: 1 }

    await expect(cutGrid(await aGrid(shape), { ...shape, padding: 1 })).rejects.toThrow(/14 × 14 × 1.*11 × 11 × 1/)
  })
})
