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
  projection,
  repeated,
  spectral,
} from './layers.js'

export interface CriticShape {
  imageSize: number
  channels: number
  filters: number
  extraLayers: number
  classes?: number | undefined
}

interface Norms {
  norm: Norm | null
  /** Every weight is divided by its largest singular value. */
  isSpectral?: boolean
}

/** The pyramid from the image down to 4 × 4; the first convolution has no norm. */
function dcgan(
  { imageSize, channels, filters, extraLayers, classes }: CriticShape,
  { norm, isSpectral }: Norms,
): LayerCost[] {
  const weighted = (cost: LayerCost, width: number) => (isSpectral ? spectral(cost, width) : cost)
  const after = (width: number, size: number): LayerCost[] => [
    ...(norm ? [norm(width, size)] : []),
    activation(width * size ** 2),
  ]
  const half = imageSize / 2
  const layers = [
    weighted(halving({ from: channels, to: filters }, half), filters),
    activation(filters * half ** 2),
    ...repeated(extraLayers, [weighted(keeping(filters, half), filters), ...after(filters, half)]),
  ]
  let width = filters
  for (let size = half / 2; size >= 4; size /= 2, width *= 2) {
    layers.push(weighted(halving({ from: width, to: 2 * width }, size), 2 * width), ...after(2 * width, size))
  }
  const score = weighted(dense({ from: 16 * width, to: 1 }, { bias: false }), 1)
  return [...layers, score, ...projection(classes, 16 * width, isSpectral)]
}

function mlp({ imageSize, channels, filters, classes }: CriticShape): LayerCost[] {
  const hidden = dense({ from: filters, to: filters }, { bias: true })
  return [
    dense({ from: channels * imageSize ** 2, to: filters }, { bias: true }),
    activation(filters),
    ...repeated(2, [hidden, activation(filters)]),
    dense({ from: filters, to: 1 }, { bias: true }),
    ...projection(classes, filters),
  ]
}

/** Halved down to 8 × 8, two blocks more; a shortcut where the size changes. */
function resnet({ imageSize, channels, filters, classes }: CriticShape, { norm, isSpectral }: Norms): LayerCost[] {
  const weighted = (cost: LayerCost, width = filters) => (isSpectral ? spectral(cost, width) : cost)
  const width = { from: filters, to: filters }
  const before = (size: number): LayerCost[] => [
    ...(norm ? [norm(filters, size)] : []),
    activation(filters * size ** 2),
    weighted(biased(width, size)),
  ]
  const layers = [
    weighted(biased({ from: channels, to: filters }, imageSize)),
    activation(filters * imageSize ** 2),
    weighted(biased(width, imageSize)),
    weighted(biased({ from: channels, to: filters }, imageSize / 2, 1)),
  ]
  for (let size = imageSize / 2; size > 8; size /= 2)
    layers.push(...before(size), ...before(size), weighted(biased(width, size, 1)))
  const score = weighted(dense({ from: filters, to: 1 }, { bias: true }), 1)
  const scores = [score, ...projection(classes, filters, isSpectral)]
  return [...layers, ...repeated(4, before(8)), activation(filters * 64), ...scores]
}

export const critics: Record<CriticKind, (shape: CriticShape) => LayerCost[]> = {
  dcgan: (shape) => dcgan(shape, { norm: batchNorm }),
  'dcgan-nobn': (shape) => dcgan(shape, { norm: null }),
  'dcgan-ln': (shape) => dcgan(shape, { norm: layerNorm }),
  'dcgan-sn': (shape) => dcgan(shape, { norm: null, isSpectral: true }),
  mlp,
  resnet: (shape) => resnet(shape, { norm: layerNorm }),
  'resnet-sn': (shape) => resnet(shape, { norm: null, isSpectral: true }),
}
