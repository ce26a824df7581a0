import type { CriticKind } from '../architectures.js'
import {
  activation,
  batchNorm,
  dense,
  halving,
  keeping,
  layerNorm,
  type LayerCost,
  type Norm,
  repeated,
} from './layers.js'

export interface CriticShape {
  imageSize: number
  channels: number
  filters: number
  extraLayers: number
}

/** The pyramid from the image down to 4 × 4; the first convolution has no norm. */
function dcgan({ imageSize, channels, filters, extraLayers }: CriticShape, norm: Norm | null): LayerCost[] {
  const after = (width: number, size: number): LayerCost[] => [
    ...(norm ? [norm(width, size)] : []),
    activation(width * size ** 2),
  ]
  const half = imageSize / 2
  const layers = [
    halving({ from: channels, to: filters }, half),
    activation(filters * half ** 2),
    ...repeated(extraLayers, [keeping(filters, half), ...after(filters, half)]),
  ]
  let width = filters
  for (let size = half / 2; size >= 4; size /= 2, width *= 2) {
    layers.push(halving({ from: width, to: 2 * width }, size), ...after(2 * width, size))
  }
  return [...layers, dense({ from: 16 * width, to: 1 }, { bias: false })]
}

function mlp({ imageSize, channels, filters }: CriticShape): LayerCost[] {
  const hidden = dense({ from: filters, to: filters }, { bias: true })
  return [
    dense({ from: channels * imageSize ** 2, to: filters }, { bias: true }),
    activation(filters),
    ...repeated(2, [hidden, activation(filters)]),
    dense({ from: filters, to: 1 }, { bias: true }),
  ]
}

export const critics: Record<CriticKind, (shape: CriticShape) => LayerCost[]> = {
  dcgan: (shape) => dcgan(shape, batchNorm),
  'dcgan-nobn': (shape) => dcgan(shape, null),
  'dcgan-ln': (shape) => dcgan(shape, layerNorm),
  mlp,
}
