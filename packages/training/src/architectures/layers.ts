import {
  convolve,
  convolveTransposed,
  dense,
  layerNorm,
  leakyRelu,
  relu,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tanh,
  tf,
} from '@kantor/engine'
import { type Layer, shortening } from './layer.js'
import { convolutionStretch, largestStretch } from './lipschitz.js'
import { type Init, type Parameter, permuted, plain } from './parameter.js'
import { plainWeight, type WeightNorm } from './weight-norm.js'

// Tensors are NHWC inside. The authors' weights_init: every Conv* weight N(0, 0.02), 0.02 being the standard deviation; Linear keeps
// PyTorch's default.

const convolutionInit: Init = { kind: 'normal', mean: 0, deviation: 0.02 }

const weight = (name: string, torchShape: number[], layout: Parameter['layout'], init: Init): Parameter => ({
  name: `${name}.weight`,
  torchShape,
  layout,
  init,
  role: 'weight',
})

interface Channels {
  from: number
  to: number
}

/** Conv2d(from, to, 4, stride 2, padding 1), no bias: halves the image. */
export const halving = (name: string, channels: Channels, weightNorm?: WeightNorm): Layer =>
  convolution(name, channels, { size: 4, strides: 2 }, weightNorm)

/** Conv2d(channels, channels, 3, stride 1, padding 1), no bias. */
export const extraConvolution = (name: string, channels: number, weightNorm?: WeightNorm): Layer =>
  convolution(name, { from: channels, to: channels }, { size: 3, strides: 1 }, weightNorm)

function convolution(
  name: string,
  { from, to }: Channels,
  { size, strides }: { size: number; strides: number },
  weightNorm: WeightNorm = plainWeight,
): Layer {
  const torchShape = [to, from, size, size]
  const parameter = weight(name, torchShape, permuted(torchShape, [2, 3, 1, 0]), convolutionInit)
  return {
    parameters: [parameter, ...weightNorm.parameters(parameter)],
    ...(weightNorm === plainWeight && { operations: [{ kind: 'convolution', weight: parameter, strides }] }),
    apply: (x, context) => convolve(x as Tensor4D, weightNorm.apply(parameter, context) as Tensor4D, strides, 'same'),
    lipschitz: (context) => convolutionStretch(weightNorm.apply(parameter, context), strides),
  }
}

/** ConvTranspose2d(from, to, 4, stride 2, padding 1), no bias: doubles the image. */
export function doubling(name: string, { from, to }: Channels): Layer {
  const torchShape = [from, to, 4, 4]
  const parameter = weight(name, torchShape, permuted(torchShape, [2, 3, 1, 0]), convolutionInit)
  return {
    parameters: [parameter],
    operations: [{ kind: 'transposed-convolution', weight: parameter, strides: 2 }],
    apply: (x, { variable }) => convolveTransposed(x as Tensor4D, variable(parameter.name) as Tensor4D, 2),
  }
}

/** ConvTranspose2d(from, to, 4) on a 1 × 1 image: latent [n, from] to [n, 4, 4, to], which is one matrix product. */
export function projection(name: string, { from, to }: Channels): Layer {
  const torchShape = [from, to, 4, 4]
  const layout = permuted(torchShape, [0, 2, 3, 1], [from, 16 * to])
  const parameter = weight(name, torchShape, layout, convolutionInit)
  return {
    parameters: [parameter],
    operations: [
      { kind: 'dense', weight: parameter },
      { kind: 'reshape', shape: [4, 4, to] },
    ],
    apply: (x, { variable }) => tf.reshape(dense(x as Tensor2D, variable(parameter.name) as Tensor2D), [-1, 4, 4, to]),
  }
}

/** Conv2d(from, 1, 4) on a 4 × 4 image: one score per image, [n], again one matrix product. */
export function scoring(name: string, from: number, weightNorm: WeightNorm = plainWeight): Layer {
  const torchShape = [1, from, 4, 4]
  const parameter = weight(name, torchShape, permuted(torchShape, [2, 3, 1, 0], [16 * from, 1]), convolutionInit)
  return {
    parameters: [parameter, ...weightNorm.parameters(parameter)],
    apply: (x, context) =>
      tf.reshape(dense(tf.reshape(x, [-1, 16 * from]), weightNorm.apply(parameter, context) as Tensor2D), [-1]),
    lipschitz: (context) => largestStretch(weightNorm.apply(parameter, context) as Tensor2D),
  }
}

/** Layer norm with a scale and an offset per channel (Gulrajani et al. 2017): each image by its own mean and variance. */
export function layerNormalised(name: string, channels: number): Layer {
  const parameter = (suffix: string, value: number): Parameter => ({
    name: `${name}.${suffix}`,
    torchShape: [channels],
    layout: plain([channels]),
    init: { kind: 'constant', value },
    role: 'weight',
  })
  const [scale, offset] = [parameter('weight', 1), parameter('bias', 0)]
  return {
    parameters: [scale, offset],
    apply: (x, { variable }) =>
      layerNorm(x, { scale: variable(scale.name), offset: variable(offset.name) }, { epsilon: 1e-5 }),
  }
}

/** Image geometry, where a Linear layer reads or writes one: PyTorch flattens C × H × W, we flatten H × W × C. */
export interface ImageShape {
  size: number
  channels: number
}

/** The axes of a flattened side in our order: C, H, W becomes H, W, C; a plain vector stays. */
const channelsLast = (axes: readonly number[], offset = 0): number[] =>
  (axes.length === 3 ? [1, 2, 0] : [0]).map((axis) => axis + offset)

/** Linear(from, to) on [n, from]. `fromImage` / `toImage` say that one side is a flattened image. */
export function linear(
  name: string,
  { from, to }: Channels,
  { fromImage, toImage }: { fromImage?: ImageShape; toImage?: ImageShape } = {},
): Layer {
  const init: Init = { kind: 'uniform', bound: 1 / Math.sqrt(from) }
  const inAxes = fromImage ? [fromImage.channels, fromImage.size, fromImage.size] : [from]
  const outAxes = toImage ? [toImage.channels, toImage.size, toImage.size] : [to]
  const layout = permuted(
    [...outAxes, ...inAxes],
    [...channelsLast(inAxes, outAxes.length), ...channelsLast(outAxes)],
    [from, to],
  )
  const matrix = weight(name, [to, from], layout, init)
  const bias: Parameter = {
    name: `${name}.bias`,
    torchShape: [to],
    layout: permuted(outAxes, channelsLast(outAxes), [to]),
    init,
    role: 'weight',
  }
  return {
    parameters: [matrix, bias],
    operations: [{ kind: 'dense', weight: matrix, bias }],
    apply: (x, { variable }) =>
      dense(x as Tensor2D, variable(matrix.name) as Tensor2D, variable(bias.name) as unknown as Tensor1D),
    lipschitz: ({ variable }) => largestStretch(variable(matrix.name) as Tensor2D),
  }
}

export const reluLayer: Layer = shortening(relu, [{ kind: 'relu' }])

export const tanhLayer: Layer = shortening(tanh, [{ kind: 'tanh' }])

/** The authors' negative slope. */
export const leakyReluLayer: Layer = shortening((x: Tensor) => leakyRelu(x, 0.2))

/** Each image, or row, to this shape. */
export const reshape = (shape: readonly number[]): Layer =>
  shortening((x) => tf.reshape(x, [-1, ...shape]), [{ kind: 'reshape', shape }])
