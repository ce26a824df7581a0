import {
  compile,
  imagesFromPixels,
  type Optimizer,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tf,
  weightedGradients,
} from '@kantor/engine'
import { epochOrder } from '../data-order.js'
import type { ImageSource } from '../events.js'
import { averagedDown } from './averaged-down.js'
import {
  createPlayers,
  disposePlayers,
  type ExtractorPlayers,
  inputSize,
  openExtractor,
  storeExtractor,
} from './extractor.js'

/** Images that a data set's own order is drawn from: fixed, so that every evaluation of it uses the same ones. */
export const SPLIT_SEED = 20170126
const BATCH = 128
/** Three passes over 40 000 images; more than that moves the accuracy on MNIST by tenths of a per cent. */
const MOST_STEPS = 1000
const LEAST_STEPS = 200
const PASSES = 3

/** Images as they lie in a dataset: bytes. */
export interface PixelSource extends ImageSource {
  read(indices: Int32Array): Uint8Array
}

export interface LabelledImages extends PixelSource {
  labels: Int32Array
  numClasses: number
}

/** The images that a classifier never sees in training: a sixth, 10 000 at most. The first of the split's order. */
const numHeldOut = (numImages: number): number => Math.min(10_000, Math.floor(numImages / 6))

/**
 * A small classifier trained on the set, as a safetensors file with its accuracy on held-out images. About a minute on two cores for MNIST.
 * Repeatable up to the rounding of this machine's kernels. @throws RangeError when too few images have a label, or there is one class only.
 */
export function trainClassifier(images: LabelledImages): Uint8Array {
  const { numClasses, labels } = images
  const order = epochOrder(images.numImages, SPLIT_SEED, 0)
  const heldOut = numHeldOut(images.numImages)
  const labelled = (indices: Int32Array) => indices.filter((index) => (labels[index] as number) >= 0)
  const [test, train] = [labelled(order.subarray(0, heldOut)), labelled(order.subarray(heldOut))]
  if (numClasses < 2 || train.length < BATCH || test.length === 0)
    throw new RangeError(`${train.length} labelled images of ${numClasses} classes are too few for a classifier`)
  const players = createPlayers({ imageSize: inputSize(images.imageSize), channels: images.channels, numClasses })
  try {
    fit(players, images, train)
    const describe = (accuracy: number | null) => storeExtractor(players, { kind: 'classifier', numClasses, accuracy })
    return describe(accuracyOf(describe(null), images, test))
  } finally {
    disposePlayers(players)
  }
}

/** The untrained network as a file: its weights come from a fixed seed, and everybody reads the same ones. */
export function makeRandomExtractor({ imageSize, channels }: Pick<ImageSource, 'imageSize' | 'channels'>): Uint8Array {
  const players = createPlayers({ imageSize: inputSize(imageSize), channels, numClasses: 0 })
  try {
    return storeExtractor(players, { kind: 'random', numClasses: 0, accuracy: null })
  } finally {
    disposePlayers(players)
  }
}

function fit({ features, scores }: ExtractorPlayers, images: LabelledImages, train: Int32Array): void {
  const { imageSize, channels, numClasses, labels } = images
  const size = inputSize(imageSize)
  const parts = [features, scores].filter((player) => player !== null)
  const variables = parts.flatMap(({ trained }) => trained.map(({ variable }) => variable))
  const one = tf.tensor1d([1])
  const step = compile({
    variables: parts.flatMap(({ weights, optimizer }) => [
      ...weights.map(({ variable }) => variable),
      ...optimizer.slots.flatMap(({ values }) => values),
    ]),
    inputs: {
      images: { shape: [BATCH, size, size, channels], dtype: 'uint8' },
      classes: { shape: [BATCH, numClasses] },
      coefficients: { shape: [coefficientsOf(features.optimizer).length] },
    },
    step: (fed) => {
      const loss = () => {
        const found = features.forward(imagesFromPixels(fed.images as Tensor4D), 'train')
        return crossEntropy((scores as NonNullable<typeof scores>).forward(found, 'train'), fed.classes)
      }
      const { value, gradients } = weightedGradients(loss, one, variables)
      let from = 0
      for (const { optimizer, trained } of parts) {
        optimizer.update(gradients.slice(from, (from += trained.length)), fed.coefficients as Tensor1D)
      }
      return { loss: value }
    },
  })
  try {
    const numSteps = Math.min(MOST_STEPS, Math.max(LEAST_STEPS, Math.ceil((PASSES * train.length) / BATCH)))
    const perPass = Math.floor(train.length / BATCH)
    let order = train
    for (let k = 0; k < numSteps; k++) {
      const place = k % perPass
      if (place === 0) order = epochOrder(train.length, SPLIT_SEED, 1 + k / perPass).map((i) => train[i] as number)
      const batch = order.subarray(place * BATCH, (place + 1) * BATCH)
      const classes = new Float32Array(BATCH * numClasses)
      batch.forEach((index, i) => (classes[i * numClasses + (labels[index] as number)] = 1))
      const coefficients = Float32Array.from(coefficientsOf(features.optimizer))
      for (const { optimizer } of parts) optimizer.steps += 1
      step.run({ images: averagedDown(images.read(batch), imageSize, channels, size), classes, coefficients })
    }
    step.pull()
  } finally {
    step.dispose()
    one.dispose()
  }
}

const coefficientsOf = (optimizer: Optimizer): number[] => optimizer.coefficients()

/** Mean of −log p(class), [1]. */
const crossEntropy = (scores: Tensor, classes: Tensor): Tensor1D =>
  tf.reshape(tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(scores as never), classes), -1))), [1])

function accuracyOf(file: Uint8Array, images: LabelledImages, test: Int32Array): number {
  const extractor = openExtractor(file, images)
  try {
    const { probabilities } = extractor.extract(images.read(test))
    let right = 0
    test.forEach((index, i) => {
      const row = (probabilities as Float32Array).subarray(i * images.numClasses, (i + 1) * images.numClasses)
      right += Number(row.indexOf(Math.max(...row)) === images.labels[index])
    })
    return right / test.length
  } finally {
    extractor.dispose()
  }
}
