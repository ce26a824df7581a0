import type { Diagnostics } from '@kantor/contracts'

/** Side of the grey thumbnails that are compared. */
const SIDE = 16

export interface PixelImages {
  /** NHWC, square images: uint8 pixels, or points as 1 × 1 images. */
  pixels: Uint8Array | Float32Array
  numImages: number
  imageSize: number
  channels: number
}

/** What samples are compared with. */
export interface Reference {
  meanDistance: number
  /** One pair of real images in a hundred is closer. */
  near: number
}

export function referenceOf(real: PixelImages): Reference {
  const all = distances(thumbnails(real))
  return { meanDistance: mean(all), near: all.toSorted()[Math.floor(all.length / 100)] ?? NaN }
}

/**
 * How different samples are from one another, against as many real images: the mean distance of their pairs over that of real pairs, and the
 * share of pairs that are closer than 99 % of real pairs (Arora and Zhang's birthday test: a repetition among s samples means a support
 * of about s²). A collapsed generator has little of the first and much of the second. Nothing for fewer than two images.
 */
export function diversity(samples: PixelImages, { meanDistance, near }: Reference): Diagnostics {
  const all = distances(thumbnails(samples))
  if (all.length === 0 || Number.isNaN(near)) return {}
  return {
    diversity: mean(all) / meanDistance,
    near_duplicates: all.filter((distance) => distance < near).length / all.length,
  }
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length

/** One grey thumbnail per image: means over blocks of pixels, all channels alike. Anything smaller is taken as it is. */
function thumbnails({ pixels, numImages, imageSize, channels }: PixelImages): Float64Array[] {
  const size = imageSize * imageSize * channels
  if (imageSize < SIDE) {
    return Array.from({ length: numImages }, (_, n) => Float64Array.from(pixels.subarray(n * size, (n + 1) * size)))
  }
  const block = imageSize / SIDE
  return Array.from({ length: numImages }, (_, n) => {
    const grey = new Float64Array(SIDE * SIDE)
    for (let i = 0; i < size; i++) {
      const pixel = Math.floor(i / channels)
      const row = Math.floor(Math.floor(pixel / imageSize) / block)
      const column = Math.floor((pixel % imageSize) / block)
      grey[row * SIDE + column]! += pixels[n * size + i]! / (block * block * channels)
    }
    return grey
  })
}

/** Euclidean, of every pair. */
function distances(points: readonly Float64Array[]): Float64Array {
  const all = new Float64Array((points.length * (points.length - 1)) / 2)
  let at = 0
  for (let i = 1; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0
      for (let k = 0; k < points[i]!.length; k++) sum += (points[i]![k]! - points[j]![k]!) ** 2
      all[at++] = Math.sqrt(sum)
    }
  }
  return all
}
