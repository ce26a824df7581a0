import type { JobSpec } from '@kantor/contracts'
import { epochOrder } from './data-order.js'
import type { ImageSource } from './events.js'

type Splitting = Pick<JobSpec, 'model' | 'heldOut'>

/** The images that a run trains on, and those that it never does. */
export interface SplitImages {
  training: ImageSource
  heldOut: ImageSource | null
}

/** Their numbers in the dataset, in ascending order. */
export interface SplitNumbers {
  training: Int32Array
  heldOut: Int32Array
}

/**
 * Holds `heldOut` images back: chosen at random, since data sets are often sorted by class, and the same for every run, so that all are judged on
 * the same ones. A conditional run has no use for images without a label: they are on neither side.
 */
export function splitNumbers(
  { numImages, labels }: Pick<ImageSource, 'numImages' | 'labels'>,
  { model, heldOut: count }: Splitting,
): SplitNumbers {
  const all = Int32Array.from({ length: numImages }, (_, i) => i)
  const usable = model.classes !== undefined && labels ? all.filter((i) => (labels[i] as number) >= 0) : all
  if (count === 0) return { training: usable, heldOut: new Int32Array(0) }
  const order = epochOrder(usable.length, 0, 0).map((place) => usable[place] as number)
  return { training: order.slice(count).toSorted(), heldOut: order.slice(0, count).toSorted() }
}

/** `splitNumbers` as sources. */
export function splitImages(images: ImageSource, spec: Splitting): SplitImages {
  const { training, heldOut } = splitNumbers(images, spec)
  return { training: subset(images, training), heldOut: heldOut.length === 0 ? null : subset(images, heldOut) }
}

const subset = (images: ImageSource, kept: Int32Array): ImageSource =>
  kept.length === images.numImages
    ? images
    : {
        ...images,
        numImages: kept.length,
        labels: images.labels && kept.map((index) => images.labels![index] as number),
        read: (indices) => images.read(indices.map((index) => kept[index] as number)),
      }
