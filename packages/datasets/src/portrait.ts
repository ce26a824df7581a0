import type { DatasetStatistics } from '@kantor/contracts'
import { createCachingResizer, type RawImage, withChannels } from './resize.js'
import type { OpenSource, SourceImage } from './sources/source.js'

const numSizes = 20
/** The preview: at most 8 × 8 images of 64 pixels. */
const tileSize = 64
const columns = 8
const numTiles = columns * columns
const gap = 2

/** What a source's images are like: collected image by image while they are imported. */
export class Portrait {
  readonly #opened: OpenSource
  readonly #moments = { grey: new Moments(1), colour: new Moments(3) }
  readonly #labelCounts: number[]
  readonly #sizes = new Map<string, number>()
  readonly #tiles: RawImage[] = []
  readonly #toTile = { 1: createCachingResizer(tileSize, 1), 3: createCachingResizer(tileSize, 3) }
  readonly #draw = mulberry32(1)
  #numImages = 0
  #unlabelled = 0

  constructor(opened: OpenSource) {
    this.#opened = opened
    this.#labelCounts = opened.labelNames.map(() => 0)
  }

  add({ image: found, label }: SourceImage): void {
    const image = this.#opened.channels === 1 ? withChannels(found, 1) : found
    this.#moments[image.channels === 1 ? 'grey' : 'colour'].add(image)
    if (label < 0) this.#unlabelled += 1
    else this.#labelCounts[label]! += 1
    const size = `${image.width} ${image.height}`
    this.#sizes.set(size, (this.#sizes.get(size) ?? 0) + 1)
    this.#numImages += 1
    // Every image has the same chance (Vitter's algorithm R), and the same images give the same picture.
    const place = this.#numImages <= numTiles ? this.#numImages - 1 : Math.floor(this.#draw() * this.#numImages)
    if (place < numTiles)
      this.#tiles[place] = {
        pixels: this.#toTile[image.channels](image),
        width: tileSize,
        height: tileSize,
        channels: image.channels,
      }
  }

  /** Once the source has ended; `channels` are those of the dataset. */
  statistics(channels: 1 | 3): DatasetStatistics {
    const { grey, colour } = this.#moments
    const all = Array.from({ length: channels }, (_, c) => grey.mixedWith(colour, c))
    const sizes = [...this.#sizes]
      .map(([size, count]) => {
        const [width = 0, height = 0] = size.split(' ').map(Number)
        return { width, height, count }
      })
      .sort((a, b) => b.count - a.count || a.width - b.width || a.height - b.height)
    const shown = sizes.slice(0, numSizes)
    const { count, first } = this.#opened.skipped ?? { count: 0, first: [] }
    return {
      mean: all.map(({ mean }) => mean),
      deviation: all.map(({ deviation }) => deviation),
      labelCounts: this.#labelCounts,
      unlabelled: this.#unlabelled,
      sizes: shown,
      otherSizes: this.#numImages - shown.reduce((sum, size) => sum + size.count, 0),
      skipped: { count, first },
    }
  }

  /** PNG: some of the images, drawn by lot, prepared as for training at 64 pixels, on white. */
  async preview(channels: 1 | 3): Promise<Uint8Array> {
    const pitch = tileSize + gap
    const width = Math.min(columns, this.#tiles.length) * pitch - gap
    const height = Math.ceil(this.#tiles.length / columns) * pitch - gap
    const pixels = new Uint8Array(width * height * channels).fill(255)
    for (const [index, tile] of this.#tiles.entries()) {
      const { pixels: from } = withChannels(tile, channels)
      const left = (index % columns) * pitch
      const top = Math.floor(index / columns) * pitch
      for (let y = 0; y < tileSize; y++) {
        const row = from.subarray(y * tileSize * channels, (y + 1) * tileSize * channels)
        pixels.set(row, ((top + y) * width + left) * channels)
      }
    }
    const { default: sharp } = await import('sharp')
    const picture = sharp(pixels, { raw: { width, height, channels } })
    return picture
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .png()
      .toBuffer()
  }
}

/** Means of values and squared values per channel, over images that weigh the same each. */
class Moments {
  readonly #channels: number
  readonly #values: Float64Array
  readonly #squares: Float64Array
  #numImages = 0

  constructor(channels: number) {
    this.#channels = channels
    this.#values = new Float64Array(channels)
    this.#squares = new Float64Array(channels)
  }

  add({ pixels, width, height }: RawImage): void {
    this.#numImages += 1
    const channels = this.#channels
    for (let c = 0; c < channels; c++) {
      let sum = 0
      let squares = 0
      for (let i = c; i < pixels.length; i += channels) {
        const value = pixels[i]!
        sum += value
        squares += value * value
      }
      this.#values[c]! += sum / (width * height)
      this.#squares[c]! += squares / (width * height)
    }
  }

  /** Of channel `c` over these grey images and those coloured ones; a grey image has the same in every channel. */
  mixedWith(colour: Moments, c: number): { mean: number; deviation: number } {
    const n = this.#numImages + colour.#numImages
    const mean = (this.#values[0]! + colour.#values[c]!) / n
    const square = (this.#squares[0]! + colour.#squares[c]!) / n
    return { mean, deviation: Math.sqrt(Math.max(0, square - mean * mean)) }
  }
}

/** T. Ettinger's generator of 32 bits: enough to draw a picture's lots. Values in 0 … 1. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
