import type { ErrorCode } from '@kantor/contracts'
import type { RawImage } from './resize.js'

/** 50 megapixels: a photograph fits, an 880 kB file that unfolds to 289 megapixels does not. */
const maxPixels = 50_000_000
const decodeSeconds = 30

/** An image that cannot be used; the message is the reason, without the name. */
export class UnreadableImage extends Error {
  override name = 'UnreadableImage'
  /** What an import is refused with when all of its bad files are of this kind. */
  readonly code: ErrorCode

  constructor(message: string, code: ErrorCode = 'dataset-invalid', options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * JPEG, PNG or WebP to uint8, grey or RGB. EXIF orientation is applied; alpha is dropped and colour profiles are
 * ignored, as PIL's convert('RGB') does; 16 bits become 8; of an animation the first frame counts. Throws UnreadableImage.
 */
export async function decodeImage(bytes: Uint8Array): Promise<RawImage> {
  const kind = sniff(bytes)
  // Loaded on first use: the trainer reads prepared images and must never load libvips beside TensorFlow.
  const { default: sharp } = await import('sharp')
  try {
    const options = { limitInputPixels: maxPixels, failOn: 'warning', autoOrient: true, ignoreIcc: true } as const
    const image = sharp(bytes, options).timeout({ seconds: decodeSeconds })
    const { format, space, channels: numBands } = await image.metadata()
    if (format !== kind) throw new UnreadableImage(`it is ${format}, not JPEG, PNG or WebP`, 'image-format-not-allowed')
    const grey = numBands <= 2 && (space === 'b-w' || space === 'grey16')
    const { data, info } = await image
      .removeAlpha()
      .toColourspace(grey ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 1 && info.channels !== 3) throw new UnreadableImage(`it has ${info.channels} channels`)
    return { pixels: data, width: info.width, height: info.height, channels: info.channels }
  } catch (error) {
    if (error instanceof UnreadableImage) throw error
    const message = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error)
    const code = /exceeds pixel limit/.test(message) ? 'image-too-large' : 'dataset-invalid'
    throw new UnreadableImage(message, code, { cause: error })
  }
}

/** libvips chooses its decoder by content, so this is what keeps SVG, GIF, TIFF and the rest away from it. */
function sniff(bytes: Uint8Array): 'jpeg' | 'png' | 'webp' {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp'
  if (bytes.byteLength === 0) throw new UnreadableImage('the file is empty')
  throw new UnreadableImage('it is neither JPEG, PNG nor WebP', 'image-format-not-allowed')
}
