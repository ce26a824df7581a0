import type { CriticKind } from '../architectures.js'
import {
  activation,
  batchNorm,
  biased,
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

/** Halved down to 8 × 8, two blocks more; a shortcut where the size changes. */
function resnet({ imageSize, channels, filters }: CriticShape, norm: Norm | null): LayerCost[] {
  const width = { from: filters, to: filters }
  const before = (size: number): LayerCost[] => [
    ...(norm ? [norm(filters, size)] : []),
    activation(filters * size ** 2),
    biased(width, size),
  ]
  const layers = [
    biased({ from: channels, to: filters }, imageSize),
    activation(filters * imageSize ** 2),
    biased(width, imageSize),
    biased({ from: channels, to: filters }, imageSize / 2, 1),
  ]
  for (let size = imageSize / 2; size > 8; size /= 2)
    layers.push(...before(size), ...before(size), biased(width, size, 1))
  return [
    ...layers,
    ...repeated(4, before(8)),
    activation(filters * 64),
    dense({ from: filters, to: 1 }, { bias: true }),
  ]
}

export const critics: Record<CriticKind, (shape: CriticShape) => LayerCost[]> = {
  dcgan: (shape) => dcgan(shape, batchNorm),
  'dcgan-nobn': (shape) => dcgan(shape, null),
  'dcgan-ln': (shape) => dcgan(shape, layerNorm),
  'dcgan-sn': (shape) => dcgan(shape, null),
  mlp,
  resnet: (shape) => resnet(shape, layerNorm),
  'resnet-sn': (shape) => resnet(shape, null),
}
