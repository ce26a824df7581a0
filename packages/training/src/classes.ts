import type { JobSpec } from '@kantor/contracts'
import { seedPair, type Stream } from '@kantor/engine'
import type { ImageSource } from './events.js'
import { sfc32 } from './sfc32.js'

/** Classes as networks take them: a row per image, 1 at its class and 0 elsewhere, [n, numClasses]. */
export function oneHot(classes: ArrayLike<number>, numClasses: number): Float32Array {
  const rows = new Float32Array(classes.length * numClasses)
  for (let i = 0; i < classes.length; i++) rows[i * numClasses + (classes[i] as number)] = 1
  return rows
}

/** Every class in turn: of images that nobody asked for by class, and of sample grids. */
export const inTurn = (count: number, numClasses: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => i % numClasses)

/** The classes of a conditional run's images, as one-hot rows. */
export interface Conditions {
  /** Of images of the dataset. */
  of(source: ImageSource, indices: Int32Array): Float32Array
  /**
   * Of a critic step. Generated images are of the classes of the real ones beside them, so that the scores differ by the images alone and a
   * penalty looks between images of one class; those beyond a tail batch are drawn.
   */
  critic(indices: Int32Array, criticStep: number): Float32Array
  /** Of a generator step: drawn. */
  generator(step: number): Float32Array
  /** Of a batch that nothing depends on. */
  fixed: Float32Array
}

/**
 * Null for a run without classes. Classes are drawn as often as the data has them: the critic sees pairs of image and class, and another law of
 * classes would be a distance that no generator can close. On balanced data that is the uniform draw of Miyato and Koyama (2018).
 */
export function conditionsOf(
  { model, batchSize, seed }: Pick<JobSpec, 'model' | 'batchSize' | 'seed'>,
  images: ImageSource,
): Conditions | null {
  const numClasses = model.classes
  if (numClasses === undefined) return null
  const rows = (classes: ArrayLike<number>) => oneHot(classes, numClasses)
  const drawn = (count: number, stream: Stream, step: number): number[] => {
    const next = sfc32(seedPair(seed, stream, step))
    return Array.from({ length: count }, () => labelAt(images, next() % images.numImages))
  }
  return {
    of: (source, indices) => rows(Array.from(indices, (index) => labelAt(source, index))),
    critic(indices, criticStep) {
      const real = Array.from(indices, (index) => labelAt(images, index))
      return rows([...real, ...drawn(batchSize - real.length, 'criticClass', criticStep)])
    },
    generator: (step) => rows(drawn(batchSize, 'generatorClass', step)),
    fixed: rows(inTurn(batchSize, numClasses)),
  }
}

function labelAt({ labels }: ImageSource, index: number): number {
  const label = labels?.[index]
  if (label === undefined) throw new RangeError(`image ${index} has no label`)
  return label
}
