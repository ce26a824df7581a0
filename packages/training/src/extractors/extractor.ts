import { createHash } from 'node:crypto'
import type { ExtractorKind, FeatureNetwork, MadeExtractor } from '@kantor/contracts'
import { compile, createAdam, imagesFromPixels, type Tensor, type Tensor4D, tf } from '@kantor/engine'
import { createPlayer, type Player } from '../player.js'
import { readSafetensors, SafetensorsError, writeSafetensors } from '../checkpoint/safetensors.js'
import { loadWeights, storedWeights } from '../checkpoint/weights.js'
import type { Points } from '../quality/points.js'
import { averagedDown } from './averaged-down.js'
import { type ExtractorShape, featureNetwork, LARGEST_INPUT, NUM_FEATURES, scoreLayer } from './network.js'

/** Fixed, so that the untrained extractor is the same network everywhere. */
const SEED = 20170126
const FORMAT = 'kantor-extractor'
/** Images per call. */
const BATCH = 256

export interface Extracted {
  points: Points
  /** Row-major [images, classes]; null without classes. */
  probabilities: Float32Array | null
}

export interface ExtractorDescription {
  kind: MadeExtractor
  /** 0 for a network that was not trained. */
  numClasses: number
  /** Share of held-out images that it names rightly; null without classes. */
  accuracy: number | null
}

export interface Extractor extends Pick<ExtractorDescription, 'accuracy'> {
  kind: ExtractorKind
  /** Of the file that it was read from. */
  sha256: string
  /** Features of one image. */
  dimensions: number
  /** How images go into somebody's own; null of those made here. */
  network: FeatureNetwork | null
  /** uint8 NHWC images of the size it was opened for. */
  extract(images: Uint8Array): Extracted
  dispose(): void
}

/** Both parts of an extractor with their weights; the optimizer serves training only. */
export interface ExtractorPlayers {
  features: Player
  scores: Player | null
}

export function createPlayers(shape: ExtractorShape): ExtractorPlayers {
  const options = { seed: SEED, createOptimizer: adam }
  return {
    features: createPlayer(featureNetwork(shape), { ...options, index: 0 }),
    scores: shape.numClasses > 0 ? createPlayer(scoreLayer(shape.numClasses), { ...options, index: 1 }) : null,
  }
}

const adam = (variables: Parameters<typeof createAdam>[0]) =>
  createAdam(variables, { learningRate: 1e-3, beta1: 0.9, beta2: 0.999 })

export const disposePlayers = ({ features, scores }: ExtractorPlayers): void => {
  features.dispose()
  scores?.dispose()
}

/** The extractor as one safetensors file. Reads the weights back from the device. */
export function storeExtractor(
  { features, scores }: ExtractorPlayers,
  { kind, numClasses, accuracy }: ExtractorDescription,
): Uint8Array {
  const tensors = [...storedWeights(features, ''), ...(scores ? storedWeights(scores, '') : [])]
  return writeSafetensors(tensors, {
    format: FORMAT,
    kind,
    numClasses: String(numClasses),
    accuracy: JSON.stringify(accuracy),
  })
}

/** What goes in, of images of this size. */
export const inputSize = (imageSize: number): number => Math.min(imageSize, LARGEST_INPUT)

/**
 * An extractor for images of `imageSize` pixels. @throws SafetensorsError when the file is damaged or made for other images.
 */
export function openExtractor(
  file: Uint8Array,
  { imageSize, channels }: { imageSize: number; channels: number },
): Extractor {
  const stored = readSafetensors(file)
  const { format, kind, numClasses: classes, accuracy } = stored.metadata
  if (format !== FORMAT || (kind !== 'classifier' && kind !== 'random'))
    throw new SafetensorsError('the file is no extractor (metadata `format`)')
  const numClasses = Number(classes)
  const size = inputSize(imageSize)
  const players = createPlayers({ imageSize: size, channels, numClasses })
  loadWeights(players.features, stored, '')
  if (players.scores) loadWeights(players.scores, stored, '')
  const forward = compile({
    variables: [players.features, players.scores].flatMap(
      (player) => player?.weights.map(({ variable }) => variable) ?? [],
    ),
    inputs: { images: { shape: [BATCH, size, size, channels], dtype: 'uint8' } },
    step: ({ images }) => predict(players, images),
  })
  const imageBytes = size * size * channels
  return {
    kind,
    dimensions: NUM_FEATURES,
    network: null,
    accuracy: JSON.parse(accuracy ?? 'null') as number | null,
    sha256: createHash('sha256').update(file).digest('hex'),
    extract(images) {
      const small = averagedDown(images, imageSize, channels, size)
      const count = small.length / imageBytes
      const values = new Float32Array(count * NUM_FEATURES)
      const probabilities = players.scores && new Float32Array(count * numClasses)
      for (let from = 0; from < count; from += BATCH) {
        const some = Math.min(BATCH, count - from)
        const batch = new Uint8Array(BATCH * imageBytes)
        batch.set(small.subarray(from * imageBytes, (from + some) * imageBytes))
        const outputs = forward.run({ images: batch })
        values.set(outputs.features.subarray(0, some * NUM_FEATURES), from * NUM_FEATURES)
        probabilities?.set(outputs.probabilities.subarray(0, some * numClasses), from * numClasses)
      }
      return { points: { values, dimensions: NUM_FEATURES }, probabilities }
    },
    dispose() {
      forward.dispose()
      disposePlayers(players)
    },
  }
}

function predict({ features, scores }: ExtractorPlayers, pixels: Tensor): { features: Tensor; probabilities: Tensor } {
  const found = features.forward(imagesFromPixels(pixels as Tensor4D), 'running')
  return { features: found, probabilities: scores ? tf.softmax(scores.forward(found, 'running')) : tf.zeros([1]) }
}
