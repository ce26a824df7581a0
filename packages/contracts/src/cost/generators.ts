import type { GeneratorKind } from '../architectures.js'
import {
  activation,
  batchNorm,
  bias,
  biased,
  conditionalBatchNorm,
  dense,
  doubling,
  keeping,
  type LayerCost,
  type Norm,
  repeated,
} from './layers.js'

export interface GeneratorShape {
  imageSize: number
  channels: number
  filters: number
  extraLayers: number
  latentSize: number
  classes?: number | undefined
}

/** Sizes from 4 × 4 up to half the image. */
function sizesOf({ imageSize }: GeneratorShape): number[] {
  const sizes: number[] = []
  for (let size = 4; size < imageSize; size *= 2) sizes.push(size)
  return sizes
}

/** The authors halve ngf before they double it, once per halving of the image: an odd one loses its last filter. */
const halvingWidths = (shape: GeneratorShape): number[] =>
  sizesOf(shape).map((size) => Math.floor(shape.filters / 2) * (shape.imageSize / size))

const oneWidth = (shape: GeneratorShape): number[] => sizesOf(shape).map(() => shape.filters)

const normOf = ({ classes }: GeneratorShape): Norm =>
  classes === undefined ? batchNorm : conditionalBatchNorm(classes)

function dcgan(shape: GeneratorShape, widths: number[], norm: Norm | null): LayerCost[] {
  const { imageSize, channels, latentSize, extraLayers } = shape
  const after = (width: number, size: number): LayerCost[] => [
    ...(norm ? [norm(width, size)] : []),
    activation(width * size ** 2),
  ]
  const layers: LayerCost[] = []
  sizesOf(shape).forEach((size, k) => {
    const to = widths[k] as number
    const from = widths[k - 1]
    layers.push(
      from === undefined ? dense({ from: latentSize, to: 16 * to }, { bias: false }) : doubling({ from, to }, size),
    )
    layers.push(...after(to, size))
  })
  const width = widths.at(-1) as number
  layers.push(...repeated(extraLayers, [keeping(width, imageSize / 2), ...after(width, imageSize / 2)]))
  return [...layers, doubling({ from: width, to: channels }, imageSize), activation(channels * imageSize ** 2)]
}

function mlp({ imageSize, channels, latentSize, filters }: GeneratorShape): LayerCost[] {
  const hidden = dense({ from: filters, to: filters }, { bias: true })
  return [
    dense({ from: latentSize, to: filters }, { bias: true }),
    activation(filters),
    ...repeated(2, [hidden, activation(filters)]),
    dense({ from: filters, to: channels * imageSize ** 2 }, { bias: true }),
  ]
}

/** A block per doubling: norm, convolution at the new size, norm, convolution, and a shortcut. */
function resnet(shape: GeneratorShape): LayerCost[] {
  const { imageSize, channels, latentSize, filters } = shape
  const norm = normOf(shape)
  const width = { from: filters, to: filters }
  const layers = [dense({ from: latentSize, to: 16 * filters }, { bias: true })]
  for (let size = 4; size < imageSize; size *= 2) {
    const to = 2 * size
    layers.push(norm(filters, size), activation(filters * size ** 2), activation(filters * to ** 2))
    layers.push(biased(width, to), norm(filters, to), activation(filters * to ** 2), biased(width, to))
    layers.push(biased(width, to, 1))
  }
  const pixels = imageSize ** 2
  layers.push(norm(filters, imageSize), activation(filters * pixels))
  return [...layers, biased({ from: filters, to: channels }, imageSize), activation(channels * pixels)]
}

export const generators: Record<GeneratorKind, (shape: GeneratorShape) => LayerCost[]> = {
  dcgan: (shape) => dcgan(shape, halvingWidths(shape), normOf(shape)),
  'dcgan-nobn': (shape) => dcgan(shape, halvingWidths(shape), null),
  'dcgan-constant': (shape) => dcgan(shape, oneWidth(shape), null),
  mlp,
  resnet,
  shift: ({ channels }) => [bias(channels)],
}
