import type { ImageSet } from './read-images.js'

export interface DemoBaselines {
  /** Held-out images that every set is measured against. */
  reference: Uint8Array
  /** What samples are compared with; `real`, held-out images outside the reference, is the floor. */
  sets: Record<'noise' | 'mean-noise' | 'one-class' | 'blurred' | 'real', Uint8Array>
}

/**
 * Image sets that a distance between sets must tell from real images: `numImages` each, uint8 NHWC, the same for the
 * same seed. Uniform pixel noise; the training mean with each pixel's own Gaussian spread; training images of the one
 * class whose mean is nearest to the mean of all, the collapse that is hardest to see; held-out images under a 3 × 3
 * box blur; held-out images.
 *
 * Measured on MNIST at 32 × 32, sliced Wasserstein distance of pixels in [0, 1] over 512 directions, 256 images a set:
 * real .026, blurred .040, mean-noise .055, one-class .071, noise .33, each ± .004 over seeds. With 64 images real and
 * blurred run into each other (.048 and .054). RangeError without labels or with fewer than 2 × numImages held out.
 */
export function demoBaselines(options: {
  train: ImageSet
  heldOut: ImageSet
  numImages: number
  seed: number
}): DemoBaselines {
  const { train, heldOut, numImages, seed } = options
  if (heldOut.numImages < 2 * numImages)
    throw new RangeError(`${heldOut.numImages} held-out images are too few for two sets of ${numImages}`)
  const random = seededRandom(seed)
  const { imageSize, channels } = train
  const imageBytes = imageSize * imageSize * channels
  const numBytes = numImages * imageBytes

  const everything = Array.from({ length: train.numImages }, (_, index) => index)
  const { mean, deviation } = moments(train, everything)
  const drawn = draw(heldOut.numImages, 2 * numImages, random)
  const real = pick(heldOut, drawn.slice(numImages))
  const spread = Uint8ClampedArray.from({ length: numBytes }, (_, i) => {
    const pixel = i % imageBytes
    return (mean[pixel] as number) + (deviation[pixel] as number) * gaussian(random)
  })
  const members = nearestClass(train, mean)
  const oneClass = draw(members.length, numImages, random).map((index) => members[index] as number)
  return {
    reference: pick(heldOut, drawn.slice(0, numImages)),
    sets: {
      noise: Uint8Array.from({ length: numBytes }, () => Math.floor(random() * 256)),
      'mean-noise': new Uint8Array(spread.buffer),
      'one-class': pick(train, oneClass),
      blurred: boxBlur(real, imageSize, channels),
      real,
    },
  }
}

function pick({ images, imageSize, channels }: ImageSet, indices: number[]): Uint8Array {
  const imageBytes = imageSize * imageSize * channels
  const out = new Uint8Array(indices.length * imageBytes)
  indices.forEach((index, i) => out.set(images.subarray(index * imageBytes, (index + 1) * imageBytes), i * imageBytes))
  return out
}

/** Mean and standard deviation of each pixel. */
function moments({ images, imageSize, channels }: ImageSet, indices: number[]) {
  const imageBytes = imageSize * imageSize * channels
  const mean = new Float64Array(imageBytes)
  const square = new Float64Array(imageBytes)
  for (const index of indices)
    for (let pixel = 0; pixel < imageBytes; pixel++) {
      const value = images[index * imageBytes + pixel] as number
      mean[pixel] = (mean[pixel] as number) + value / indices.length
      square[pixel] = (square[pixel] as number) + (value * value) / indices.length
    }
  const deviation = mean.map((value, pixel) => Math.sqrt(Math.max(0, (square[pixel] as number) - value * value)))
  return { mean, deviation }
}

/** The images of the class whose mean image is nearest to `mean`. */
function nearestClass(train: ImageSet, mean: Float64Array): number[] {
  const classes = new Map<number, number[]>()
  train.labels.forEach((label, index) => {
    if (label < 0) return
    const members = classes.get(label)
    if (members) members.push(index)
    else classes.set(label, [index])
  })
  const ranked = [...classes.values()]
    .map((members) => {
      const own = moments(train, members).mean
      return { members, distance: own.reduce((sum, value, pixel) => sum + (value - (mean[pixel] as number)) ** 2, 0) }
    })
    .sort((a, b) => a.distance - b.distance)
  if (!ranked[0]) throw new RangeError('the training images have no labels, so there is no class to collapse to')
  return ranked[0].members
}

/** 3 × 3 means; beyond the edge is black, which is what surrounds a digit. */
function boxBlur(images: Uint8Array, imageSize: number, channels: number): Uint8Array {
  const out = new Uint8Array(images.length)
  const rowBytes = imageSize * channels
  for (let i = 0; i < out.length; i++) {
    const x = Math.floor(i / channels) % imageSize
    const y = Math.floor(i / rowBytes) % imageSize
    let sum = 0
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++)
        if (x + dx >= 0 && x + dx < imageSize && y + dy >= 0 && y + dy < imageSize)
          sum += images[i + dy * rowBytes + dx * channels] as number
    out[i] = Math.round(sum / 9)
  }
  return out
}

/** `count` of 0 … size − 1 without repetition while they last, by Fisher and Yates. */
function draw(size: number, count: number, random: () => number): number[] {
  const pool = Array.from({ length: size }, (_, index) => index)
  return Array.from({ length: count }, (_, i) => {
    const at = i % size
    const other = at + Math.floor(random() * (size - at))
    const chosen = pool[other] as number
    pool[other] = pool[at] as number
    pool[at] = chosen
    return chosen
  })
}

/** Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Mulberry32: small, and good enough to draw pictures with. Uniform in [0, 1). */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
