import { gridColumns } from '@kantor/contracts'
import sharp from 'sharp'

export const PADDING = 2

export interface Images {
  /** NHWC uint8. */
  pixels: Uint8Array
  numImages: number
  imageSize: number
  channels: number
  /** That take turns in it. */
  classes?: number | undefined
  /** In a row, where that is not for the number of images to say. */
  columns?: number | undefined
}

export interface Grid {
  pixels: Uint8Array
  width: number
  height: number
  columns: number
}

/** Lays images out as torchvision's make_grid does, 2 black pixels between and around: 8 or 16 wide, or a column per class. */
export function makeGrid({ pixels, numImages, imageSize, channels, classes, columns: given }: Images): Grid {
  const expected = numImages * imageSize * imageSize * channels
  if (pixels.byteLength !== expected) throw new Error(`a sample of ${pixels.byteLength} bytes, expected ${expected}`)
  const columns = given ?? gridColumns(numImages, classes)
  const cell = imageSize + PADDING
  const width = columns * cell + PADDING
  const height = Math.ceil(numImages / columns) * cell + PADDING
  const grid = new Uint8Array(width * height * channels)
  const rowBytes = imageSize * channels
  for (let image = 0; image < numImages; image++) {
    const left = PADDING + (image % columns) * cell
    const top = PADDING + Math.floor(image / columns) * cell
    for (let y = 0; y < imageSize; y++) {
      const from = (image * imageSize + y) * rowBytes
      grid.set(pixels.subarray(from, from + rowBytes), ((top + y) * width + left) * channels)
    }
  }
  return { pixels: grid, width, height, columns }
}

/** The grid as a PNG: grey for one channel, RGB for three. */
export async function encodeGrid(images: Images): Promise<{ png: Uint8Array; columns: number }> {
  const { pixels, width, height, columns } = makeGrid(images)
  const raw = { width, height, channels: images.channels as 1 | 2 | 3 | 4 }
  const image = sharp(pixels, { raw })
  if (images.channels === 1) image.toColourspace('b-w')
  return { png: await image.png({ compressionLevel: 9 }).toBuffer(), columns }
}
