import { setImmediate as breathe } from 'node:timers/promises'
import type { PixelSource } from '../extractors/train-classifier.js'

/** Of images that are held in memory at once: they stay in the processor's cache while all queries pass. */
const BLOCK_BYTES = 2 ** 20
/** Cells a side whose sums are compared first. Image sizes are multiples of it. */
const CELLS = 8
/** Values between two looks at whether a pair is still worth going on with. Their sum of squares stays a 32-bit integer. */
const STRETCH = 256

/** One neighbour of an image. */
export interface Neighbour {
  /** The image's number in the dataset. */
  index: number
  /** Root mean square difference of their values in the scale −1 … 1: 0 for a copy, at most 2. */
  distance: number
}

export interface NearestOptions {
  images: PixelSource
  /** Numbers of the images to look among, ascending. */
  among: Int32Array
  /** Neighbours per query. */
  k: number
  /** Per query the number of the image that it is itself. */
  except?: Int32Array
}

/**
 * Of each query the `k` nearest images by Euclidean distance of pixels, nearest first, of equally near ones the lower number first. Exact: all
 * pairs are compared, in whole numbers. A pair is left once it cannot be nearer than the k nearest so far, by the sums of its cells, since
 * (Σ aᵢ − Σ bᵢ)² ≤ n Σ (aᵢ − bᵢ)² over the n values of a cell, or part of the way. Reads block by block, so that memory does not grow with the
 * dataset; the event loop turns after each.
 * @param queries uint8 NHWC, one after the other. @throws RangeError with fewer than `k` images to look among.
 */
export async function nearestImages(
  queries: Uint8Array,
  { images, among, k, except }: NearestOptions,
): Promise<Neighbour[][]> {
  const candidates = among.length - (except ? 1 : 0)
  if (candidates < k) throw new RangeError(`there are ${candidates} images to look for ${k} neighbours among`)
  const size = images.imageSize ** 2 * images.channels
  const numCells = CELLS ** 2 * images.channels
  const queryCells = cellsOf(queries, images)
  const lists = Array.from({ length: queries.length / size }, () => emptyList(k))
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / size))
  for (let from = 0; from < among.length; from += perBlock) {
    const numbers = among.subarray(from, from + perBlock)
    const block = images.read(numbers)
    const blockCells = cellsOf(block, images)
    for (const [query, list] of lists.entries())
      for (let i = 0; i < numbers.length; i++) {
        const index = numbers[i] as number
        if (except?.[query] === index) continue
        const farthest = list.squares[k - 1] as number
        const between = cellDistance(queryCells, query * numCells, blockCells, i * numCells, numCells)
        if (between >= farthest * (size / numCells)) continue
        const square = distance(queries, query * size, block, i * size, { size, farthest })
        if (square < farthest) insert(list, square, index)
      }
    await breathe()
  }
  return lists.map(({ squares, indices }) =>
    Array.from(indices, (index, i) => ({ index, distance: (2 / 255) * Math.sqrt((squares[i] as number) / size) })),
  )
}

/** The nearest so far, in order. */
interface List {
  squares: Float64Array
  indices: Int32Array
}

const emptyList = (k: number): List => ({ squares: new Float64Array(k).fill(Infinity), indices: new Int32Array(k) })

/** The last one falls out. Behind those that are as near: they have lower numbers. */
function insert({ squares, indices }: List, square: number, index: number): void {
  let at = squares.length - 1
  for (; at > 0 && (squares[at - 1] as number) > square; at--) {
    squares[at] = squares[at - 1] as number
    indices[at] = indices[at - 1] as number
  }
  squares[at] = square
  indices[at] = index
}

/** Sums over the cells of each image, per channel. */
function cellsOf(pixels: Uint8Array, { imageSize, channels }: PixelSource): Uint32Array {
  const [rowValues, side] = [imageSize * channels, imageSize / CELLS]
  const column = Int32Array.from(
    { length: rowValues },
    (_, x) => Math.floor(x / channels / side) * channels + (x % channels),
  )
  const sums = new Uint32Array(pixels.length / side ** 2)
  for (let row = 0, at = 0; at < pixels.length; row++) {
    const first = Math.floor(row / side) * CELLS * channels
    for (let x = 0; x < rowValues; x++, at++) {
      const cell = first + (column[x] as number)
      sums[cell] = (sums[cell] as number) + (pixels[at] as number)
    }
  }
  return sums
}

/** Squared, of the `numCells` sums at x and at y. */
function cellDistance(a: Uint32Array, x: number, b: Uint32Array, y: number, numCells: number): number {
  let sum = 0
  for (let i = 0; i < numCells; i++) {
    const difference = (a[x + i] as number) - (b[y + i] as number)
    sum += difference * difference
  }
  return sum
}

interface Bounds {
  /** Values of an image. */
  size: number
  /** From here on any number will do that is not below it. */
  farthest: number
}

/** Squared, of the images at x and at y. */
function distance(a: Uint8Array, x: number, b: Uint8Array, y: number, { size, farthest }: Bounds): number {
  let sum = 0
  for (let from = 0; from < size && sum < farthest; from += STRETCH) {
    const end = Math.min(from + STRETCH, size)
    let part = 0
    for (let i = from; i < end; i++) {
      const difference = (a[x + i] as number) - (b[y + i] as number)
      part += difference * difference
    }
    sum += part
  }
  return sum
}
