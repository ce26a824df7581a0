import { epochOrder } from './data-order.js'
import type { ImageSource } from './events.js'

/** The images that a run trains on, and those that it never does. */
export interface SplitImages {
  training: ImageSource
  heldOut: ImageSource | null
}

/**
 * Holds `count` images back: chosen at random, since data sets are often sorted by class, and the same for every run, so that all are judged on
 * the same ones. With 0 the source is left as it is.
 */
export function holdOut(images: ImageSource, count: number): SplitImages {
  if (count === 0) return { training: images, heldOut: null }
  const order = epochOrder(images.numImages, 0, 0)
  return {
    training: subset(images, order.slice(count).toSorted()),
    heldOut: subset(images, order.slice(0, count).toSorted()),
  }
}

/** The images that have a label, for a run that needs the labels. */
export function labelled(images: ImageSource): ImageSource {
  const { labels } = images
  if (!labels?.includes(-1)) return images
  return subset(
    images,
    Int32Array.from({ length: images.numImages }, (_, i) => i).filter((i) => (labels[i] as number) >= 0),
  )
}

const subset = (images: ImageSource, kept: Int32Array): ImageSource => ({
  ...images,
  numImages: kept.length,
  labels: images.labels && kept.map((index) => images.labels![index] as number),
  read: (indices) => images.read(indices.map((index) => kept[index] as number)),
})
