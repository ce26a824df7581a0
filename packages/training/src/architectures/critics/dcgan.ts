import { batchNorm } from '../batch-norm.js'
import { type Layer, sequential } from '../layer.js'
import { extraConvolution, halving, leakyReluLayer, scoring } from '../layers.js'
import { projected } from '../projected.js'
import type { CriticShape } from '../shapes.js'
import type { WeightNorm } from '../weight-norm.js'

/** The authors' DCGAN_D: images [n, size, size, channels] to scores [n]; no batch norm on the first layer, no sigmoid. */
export const dcgan = (shape: CriticShape): Layer =>
  dcganCritic(shape, (prefix, width) => batchNorm(`${prefix}:batchnorm`, width))

/** The pyramid that the DCGAN critics share; `norm` follows every convolution but the first and the last, `weightNorm` is in all. */
export function dcganCritic(
  { imageSize, channels, filters, extraLayers, classes }: CriticShape,
  norm: ((prefix: string, channels: number) => Layer) | null,
  weightNorm?: WeightNorm,
): Layer {
  const layers = [
    halving(`main.initial:${channels}-${filters}:conv`, { from: channels, to: filters }, weightNorm),
    leakyReluLayer,
  ]
  const block = (prefix: string, width: number, convolution: Layer) => {
    layers.push(convolution)
    if (norm) layers.push(norm(`main.${prefix}:${width}`, width))
    layers.push(leakyReluLayer)
  }

  let width = filters
  for (let t = 0; t < extraLayers; t++) {
    block(`extra-layers-${t}`, width, extraConvolution(`main.extra-layers-${t}:${width}:conv`, width, weightNorm))
  }
  for (let size = imageSize / 2; size > 4; size /= 2) {
    const to = width * 2
    block('pyramid', to, halving(`main.pyramid:${width}-${to}:conv`, { from: width, to }, weightNorm))
    width = to
  }
  const score = scoring(`main.final:${width}-1:conv`, width, weightNorm)
  layers.push(projected(score, { channels: width, size: 4 }, classes, weightNorm))
  return sequential(layers)
}
