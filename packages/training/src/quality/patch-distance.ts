import { seededNormals, seededUniforms } from '../oracles/random.js'
import { sortedWasserstein } from '../oracles/wasserstein.js'
import { laplacianPyramid } from './laplacian-pyramid.js'

/** Images of one size as float planes, NHWC; the scale does not matter. */
export interface ImageSet {
  values: Uint8Array | Float32Array
  numImages: number
  imageSize: number
  channels: number
}

const PATCH = 7
const PATCH_AREA = PATCH * PATCH

export interface PatchDistanceOptions {
  patchesPerImage?: number
  /** Times `directions` directions each, averaged. */
  repeats?: number
  directions?: number
  seed?: number
}

/** One band of the pyramid. */
export interface BandDistance {
  size: number
  /** 10³ × the mean |difference| of sorted projections, as ProGAN reports it. */
  distance: number
}

/**
 * Sliced Wasserstein distance between patches on the levels of a Laplacian pyramid (Karras et al. 2018, ProGAN's metric): 7 × 7 patches, 128 per
 * image, normalised per channel over each whole set, 4 × 128 directions, levels of 16 pixels and more. Blind to contrast by construction.
 * Deterministic in the seed. @throws RangeError when the sets differ in shape or number, or the images have fewer than 7 pixels a side.
 */
export function patchDistances(a: ImageSet, b: ImageSet, options: PatchDistanceOptions = {}): BandDistance[] {
  const { patchesPerImage = 128, repeats = 4, directions = 128, seed = 0 } = options
  for (const key of ['numImages', 'imageSize', 'channels'] as const)
    if (a[key] !== b[key]) throw new RangeError(`sets with ${key} ${a[key]} and ${b[key]}`)
  if (a.imageSize < PATCH) throw new RangeError(`images of ${a.imageSize} pixels hold no patch of ${PATCH}`)
  const [bandsA, bandsB] = [bandsOf(a), bandsOf(b)]
  return bandsA.map(({ size, planes }, level) => {
    const draw = seededUniforms(seed * 64 + level)
    const patches = (set: Float32Array[][]) => normalised(cutPatches(set, size, patchesPerImage, draw), a.channels)
    const [first, second] = [patches(planes), patches((bandsB[level] as (typeof bandsB)[number]).planes)]
    const normal = seededNormals(seed * 64 + level)
    let sum = 0
    for (let k = 0; k < repeats * directions; k++)
      sum += projectedDistance(first, second, direction(a.channels, normal))
    return { size, distance: (1e3 * sum) / (repeats * directions) }
  })
}

/** Per level the planes of each image and channel. */
function bandsOf({ values, numImages, imageSize, channels }: ImageSet): { size: number; planes: Float32Array[][] }[] {
  const area = imageSize * imageSize
  const bands: { size: number; planes: Float32Array[][] }[] = []
  for (let image = 0; image < numImages; image++)
    for (let channel = 0; channel < channels; channel++) {
      const plane = Float32Array.from(
        { length: area },
        (_, i) => values[(image * area + i) * channels + channel] as number,
      )
      laplacianPyramid(plane, imageSize).forEach((band, level) => {
        const { planes } = (bands[level] ??= { size: band.size, planes: [] })
        ;(planes[image] ??= [])[channel] = band.plane
      })
    }
  return bands
}

/** [patches, channels, 7 × 7] from random places. */
function cutPatches(planes: Float32Array[][], size: number, perImage: number, draw: () => number): Float32Array {
  const places = size - PATCH + 1
  const length = (planes[0] as Float32Array[]).length * PATCH_AREA
  const patches = new Float32Array(planes.length * perImage * length)
  let at = 0
  for (const image of planes)
    for (let k = 0; k < perImage; k++) {
      const [x, y] = [Math.floor(draw() * places), Math.floor(draw() * places)]
      for (const plane of image)
        for (let row = y; row < y + PATCH; row++, at += PATCH)
          patches.set(plane.subarray(row * size + x, row * size + x + PATCH), at)
    }
  return patches
}

/** To mean 0 and deviation 1 per channel, over all patches and places in them. In place. */
export function normalised(patches: Float32Array, channels: number): Float32Array {
  const length = channels * PATCH_AREA
  for (let channel = 0; channel < channels; channel++) {
    let [sum, squares, count] = [0, 0, 0]
    const each = (visit: (at: number) => void) => {
      for (let patch = channel * PATCH_AREA; patch < patches.length; patch += length)
        for (let at = patch; at < patch + PATCH_AREA; at++) visit(at)
    }
    each((at) => {
      sum += patches[at] as number
      count += 1
    })
    const mean = sum / count
    each((at) => (squares += ((patches[at] as number) - mean) ** 2))
    const scale = squares > 0 ? 1 / Math.sqrt(squares / count) : 0
    each((at) => (patches[at] = ((patches[at] as number) - mean) * scale))
  }
  return patches
}

function direction(channels: number, normal: () => number): Float64Array {
  const vector = Float64Array.from({ length: channels * PATCH_AREA }, normal)
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0))
  return vector.map((x) => x / length)
}

/** W₁ between the projections of two sets of patches on one direction. */
export const projectedDistance = (a: Float32Array, b: Float32Array, along: Float64Array): number =>
  sortedWasserstein(projected(a, along), projected(b, along))

function projected(patches: Float32Array, along: Float64Array): Float64Array {
  const result = new Float64Array(patches.length / along.length)
  for (let i = 0, at = 0; i < result.length; i++) {
    let dot = 0
    for (let j = 0; j < along.length; j++, at++) dot += (patches[at] as number) * (along[j] as number)
    result[i] = dot
  }
  return result.sort()
}
