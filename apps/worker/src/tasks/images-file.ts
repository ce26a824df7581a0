import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Generate, Neighbours } from '@kantor/contracts'
import sharp from 'sharp'
import { ZipFile } from 'yazl'
import { encodeGrid, type Images } from '../sample-grid.js'

/** A frame of an animation. */
const FRAME_MS = 60

/** What is drawn, and where it was asked for what was found beside it. */
interface Drawn extends Images {
  neighbours?: { sheet: Images; figures: Neighbours } | undefined
}

type Write = (drawn: Drawn, file: string) => Promise<void>

/** One way to put images into a file per form. `npy` gets float32 bytes, the others uint8. */
export const writers: Record<Generate['as'], Write> = {
  png: async ({ neighbours, ...images }, file) => writeFile(file, (await encodeGrid(neighbours?.sheet ?? images)).png),
  npy: async ({ pixels, numImages, imageSize, channels }, file) =>
    writeFile(file, Buffer.concat([npyHeader([numImages, imageSize, imageSize, channels]), pixels])),
  webp: writeAnimation,
  zip: writeZip,
}

/** NumPy's format, version 1.0: magic, length of the header, and a Python literal padded to a multiple of 64 bytes. */
function npyHeader(shape: readonly number[]): Buffer {
  const literal = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`
  const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1')
  const length = Math.ceil((magic.length + 2 + literal.length + 1) / 64) * 64 - magic.length - 2
  const size = Buffer.alloc(2)
  size.writeUInt16LE(length)
  return Buffer.concat([magic, size, Buffer.from(`${literal.padEnd(length - 1)}\n`, 'latin1')])
}

function raw({ imageSize, channels }: Images, height = imageSize) {
  return { width: imageSize, height, channels: channels as 1 | 2 | 3 | 4 }
}

async function writeAnimation(images: Images, file: string): Promise<void> {
  const { pixels, numImages, imageSize } = images
  const pages = { ...raw(images, imageSize * numImages), pageHeight: imageSize }
  await sharp(pixels, { raw: pages, limitInputPixels: false })
    .webp({ loop: 0, delay: Array.from({ length: numImages }, () => FRAME_MS), lossless: true })
    .toFile(file)
}

async function writeZip({ neighbours, ...images }: Drawn, file: string): Promise<void> {
  const { pixels, numImages, imageSize, channels } = images
  const size = imageSize * imageSize * channels
  const zip = new ZipFile()
  const written = pipeline(zip.outputStream, createWriteStream(file))
  for (let i = 0; i < numImages; i++) {
    const image = sharp(pixels.subarray(i * size, (i + 1) * size), { raw: raw(images) })
    if (channels === 1) image.toColourspace('b-w')
    zip.addBuffer(await image.png().toBuffer(), `${String(i).padStart(4, '0')}.png`, { compress: false })
  }
  if (neighbours) {
    zip.addBuffer(Buffer.from((await encodeGrid(neighbours.sheet)).png), 'neighbours.png', { compress: false })
    zip.addBuffer(Buffer.from(JSON.stringify(neighbours.figures, null, 2)), 'neighbours.json')
  }
  zip.end()
  await written
}
