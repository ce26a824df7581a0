import { halving, linear, reluLayer, reshape } from '../architectures/layers.js'
import { type Layer, sequential } from '../architectures/layer.js'
import { sizeOf } from '../architectures/parameter.js'

/** What every extractor gives per image. */
export const NUM_FEATURES = 64
/** Larger images are averaged down to it: what a small network sees of more is texture, which the patch distance measures. */
export const LARGEST_INPUT = 32

const FILTERS = [32, 64] as const

export interface ExtractorShape {
  /** Pixels per side of what goes in, at most `LARGEST_INPUT`. */
  imageSize: number
  channels: number
  numClasses: number
}

/** Two convolutions, then 64 features; He's initial weights, so that features of an untrained network have a fair scale too. */
export function featureNetwork({ imageSize, channels }: Omit<ExtractorShape, 'numClasses'>): Layer {
  const side = imageSize / 4
  const [first, second] = FILTERS
  return sequential([
    heInitialised(halving('features.0', { from: channels, to: first })),
    reluLayer,
    heInitialised(halving('features.1', { from: first, to: second })),
    reluLayer,
    reshape([side * side * second]),
    heInitialised(
      linear(
        'features.2',
        { from: side * side * second, to: NUM_FEATURES },
        { fromImage: { size: side, channels: second } },
      ),
    ),
    reluLayer,
  ])
}

/** One score per class from the features. */
export const scoreLayer = (numClasses: number): Layer => linear('classes', { from: NUM_FEATURES, to: numClasses })

/** He et al. 2015: deviation √(2 / inputs of a unit); offsets 0. */
const heInitialised = (layer: Layer): Layer => ({
  ...layer,
  parameters: layer.parameters.map((parameter) => ({
    ...parameter,
    init: parameter.name.endsWith('.bias')
      ? { kind: 'constant', value: 0 }
      : { kind: 'normal', mean: 0, deviation: Math.sqrt(2 / sizeOf(parameter.torchShape.slice(1))) },
  })),
})
