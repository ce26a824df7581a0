import type { Sample } from '@kantor/contracts'
import sharp from 'sharp'

export type GridShape = Pick<Sample, 'numImages' | 'columns' | 'tileSize' | 'padding' | 'channels'>

/** The images of a sample grid: uint8, numImages × tileSize × tileSize × channels. Throws when the PNG does not have the grid's shape. */
export async function cutGrid(png: Uint8Array, shape: GridShape): Promise<Uint8Array> {
  const { numImages, columns, tileSize, padding, channels } = shape
  const decoded = sharp(png)
    .removeAlpha()
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
  const { data, info } = await decoded.raw().toBuffer({ resolveWithObject: true })
  const cell = tileSize + padding
  const rows = Math.ceil(numImages / columns)
  const [width, height] = [columns * cell + padding, rows * cell + padding]
  if (info.width !== width || info.height !== height || info.channels !== channels) {
    const found = `${info.width} × ${info.height} × ${info.channels}`
    throw new Error(`the sample grid is ${found}, but its description says ${width} × ${height} × ${channels}`)
  }
  const images = new Uint8Array(numImages * tileSize * tileSize * channels)
  const rowBytes = tileSize * channels
  for (let image = 0; image < numImages; image++) {
    const left = padding + (image % columns) * cell
    const top = padding + Math.floor(image / columns) * cell
    for (let y = 0; y < tileSize; y++) {
      const from = ((top + y) * width + left) * channels
      images.set(data.subarray(from, from + rowBytes), (image * tileSize + y) * rowBytes)
    }
  }
  return images
}
