import { convolve, dense, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { activation, type Layer, sequential } from './layer.js'
import { reluLayer } from './layers.js'
import { type Parameter, permuted, plain } from './parameter.js'
import { plainWeight, type WeightNorm } from './weight-norm.js'

// Residual networks of Gulrajani et al. 2017 (appendix F, CIFAR-10): one width throughout, 3 × 3 convolutions with offsets, sizes changed
// inside a block by copying pixels or by taking the mean of four. Tensors are NHWC.

interface Channels {
  from: number
  to: number
}

interface ConvolutionOptions {
  size: 1 | 3
  /** √2 more, for what a rectifier follows (He et al. 2015); a shortcut has none. */
  beforeRectifier: boolean
  weightNorm: WeightNorm
}

/** Conv2d(from, to, size, padding size ÷ 2) with offsets; weights U(±√3·σ), σ² = 2 / (fan in + fan out), twice that before a rectifier. */
function convolution(name: string, { from, to }: Channels, options: ConvolutionOptions): Layer {
  const { size, beforeRectifier, weightNorm } = options
  const torchShape = [to, from, size, size]
  const variance = (beforeRectifier ? 4 : 2) / ((from + to) * size ** 2)
  const weight: Parameter = {
    name: `${name}.weight`,
    torchShape,
    layout: permuted(torchShape, [2, 3, 1, 0]),
    init: { kind: 'uniform', bound: Math.sqrt(3 * variance) },
    role: 'weight',
  }
  const offset = offsets(`${name}.bias`, to)
  return {
    parameters: [weight, ...weightNorm.parameters(weight), offset],
    ...(weightNorm === plainWeight && { operations: [{ kind: 'convolution', weight, bias: offset, strides: 1 }] }),
    apply: (x, context) =>
      tf.add(
        convolve(x as Tensor4D, weightNorm.apply(weight, context) as Tensor4D, 1, 'same'),
        context.variable(offset.name),
      ),
  }
}

const offsets = (name: string, size: number): Parameter => ({
  name,
  torchShape: [size],
  layout: plain([size]),
  init: { kind: 'constant', value: 0 },
  role: 'weight',
})

/** Every pixel four times. Copies along one axis at a time: ops whose gradients are exact in any order. */
const copied = activation(
  (x) => {
    const [batch, height, width, channels] = x.shape as [number, number, number, number]
    const columns = tf.reshape(x, [batch * height * width, 1, channels])
    const wide = tf.reshape(tf.concat([columns, columns], 1), [batch * height, 1, 2 * width * channels])
    return tf.reshape(tf.concat([wide, wide], 1), [batch, 2 * height, 2 * width, channels])
  },
  [{ kind: 'copy-pixels' }],
)

/** The mean of every four pixels. */
const pooled = activation((x) => {
  const [batch, height, width, channels] = x.shape as [number, number, number, number]
  return tf.mean(tf.reshape(x, [batch, height / 2, 2, width / 2, 2, channels]), [2, 4])
})

/** The mean over the image, [n, channels]. */
export const overImage = activation((x) => tf.mean(x, [1, 2]))

const unchanged = activation((x) => x, [])

const resizing = { double: copied, halve: pooled, keep: unchanged }

export interface BlockOptions {
  resize: keyof typeof resizing
  norm: ((name: string, channels: number) => Layer) | null
  weightNorm: WeightNorm
}

/** y = x̃ + conv(relu(norm(conv(relu(norm(x)))))), x̃ being x resized, through a 1 × 1 convolution where size or width change. */
export function residualBlock(name: string, { from, to }: Channels, { resize, norm, weightNorm }: BlockOptions): Layer {
  const normal = (suffix: string, channels: number) => (norm ? [norm(`${name}.${suffix}`, channels)] : [])
  const conv = (suffix: string, channels: Channels) =>
    convolution(`${name}.${suffix}`, channels, { size: 3, beforeRectifier: true, weightNorm })
  const [grow, shrink] = resize === 'halve' ? [unchanged, pooled] : [resizing[resize], unchanged]
  const middle = resize === 'halve' ? from : to
  const residual = sequential([
    ...normal('norm1', from),
    reluLayer,
    grow,
    conv('conv1', { from, to: middle }),
    ...normal('norm2', middle),
    reluLayer,
    conv('conv2', { from: middle, to }),
    shrink,
  ])
  if (resize === 'keep' && from === to) return sum(unchanged, residual)
  const project = convolution(`${name}.shortcut`, { from, to }, { size: 1, beforeRectifier: false, weightNorm })
  return sum(sequential([grow, project, shrink]), residual)
}

/** The critic's first block: no norm and no rectifier before the image, and the shortcut takes the mean first. */
export function firstCriticBlock(name: string, { from, to }: Channels, weightNorm: WeightNorm): Layer {
  const conv = (suffix: string, channels: Channels, size: 1 | 3 = 3) =>
    convolution(`${name}.${suffix}`, channels, { size, beforeRectifier: size === 3, weightNorm })
  return sum(
    sequential([pooled, conv('shortcut', { from, to }, 1)]),
    sequential([conv('conv1', { from, to }), reluLayer, conv('conv2', { from: to, to }), pooled]),
  )
}

/** The generator's last convolution. */
export const toImage = (name: string, channels: Channels): Layer =>
  convolution(name, channels, { size: 3, beforeRectifier: false, weightNorm: plainWeight })

/** Linear(from, 1), [n, from] to scores [n]. */
export function score(name: string, from: number, weightNorm: WeightNorm): Layer {
  const weight: Parameter = {
    name: `${name}.weight`,
    torchShape: [1, from],
    layout: permuted([1, from], [1, 0]),
    init: { kind: 'uniform', bound: Math.sqrt(6 / (from + 1)) },
    role: 'weight',
  }
  const offset = offsets(`${name}.bias`, 1)
  return {
    parameters: [weight, ...weightNorm.parameters(weight), offset],
    apply: (x, context) => {
      const matrix = weightNorm.apply(weight, context) as Tensor2D
      return tf.reshape(dense(x as Tensor2D, matrix, context.variable(offset.name) as unknown as Tensor1D), [-1])
    },
  }
}

const sum = (a: Layer, b: Layer): Layer => ({
  parameters: [...a.parameters, ...b.parameters],
  ...(a.operations && b.operations && { operations: [{ kind: 'sum', paths: [a.operations, b.operations] }] }),
  apply: (x, context) => tf.add(a.apply(x, context), b.apply(x, context)),
})
