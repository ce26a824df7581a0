import type { JobSpec, Neighbours } from '@kantor/contracts'
import { epochOrder } from '../data-order.js'
import { type PixelSource, SPLIT_SEED } from '../extractors/train-classifier.js'
import { splitNumbers } from '../held-out.js'
import { nearestImages, type Neighbour } from '../quality/nearest-images.js'

export interface NearestTrainingOptions {
  /** uint8 NHWC, as the dataset's images are prepared for the job. */
  generated: Uint8Array
  images: PixelSource & { labels: Int32Array; labelNames: readonly string[] }
  spec: Pick<JobSpec, 'model' | 'heldOut'>
  /** Neighbours of each. */
  k: number
}

/**
 * The training images nearest to generated ones, by which readers see whether a generator copies (Goodfellow et al. 2014, Fig. 2), and what the
 * distance would be for real images that were not copied: held-out ones, or, where the job held none back, training images beside the others.
 * As many of these as there are generated ones, the same for every checkpoint. Euclidean distance of pixels is deceived by small shifts (Theis et
 * al. 2016): a distance at the floor does not prove that nothing was copied. @throws RangeError with too few training images.
 */
export async function nearestTraining({ generated, images, spec, k }: NearestTrainingOptions): Promise<Neighbours> {
  const { training, heldOut } = splitNumbers(images, spec)
  const found = await nearestImages(generated, { images, among: training, k })

  const isHeldOut = heldOut.length > 0
  const unseen = drawn(isHeldOut ? heldOut : training, found.length)
  const others = isHeldOut ? { among: training } : { among: training, except: unseen }
  const real = await nearestImages(images.read(unseen), { images, ...others, k: 1 })
  return {
    trainingImages: training.length,
    generated: spread(found),
    real: { of: isHeldOut ? 'held-out' : 'training', ...spread(real) },
    images: found.map((nearest, image) => ({
      image,
      nearest: nearest.map((one) => ({ ...one, label: images.labelNames[images.labels[one.index] as number] ?? null })),
    })),
  }
}

function drawn(numbers: Int32Array, count: number): Int32Array {
  const order = epochOrder(numbers.length, SPLIT_SEED, 0)
  return order.slice(0, count).map((place) => numbers[place] as number)
}

/** Of the distances to the nearest one. */
function spread(found: readonly Neighbour[][]): { images: number; median: number; smallest: number } {
  const distances = Float64Array.from(found, ([nearest]) => (nearest as Neighbour).distance).sort()
  const { length } = distances
  const middle = [(length - 1) >> 1, length >> 1].map((place) => distances[place] as number)
  return {
    images: length,
    median: ((middle[0] as number) + (middle[1] as number)) / 2,
    smallest: distances[0] as number,
  }
}
