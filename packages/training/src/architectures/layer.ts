import { type Tensor, type Tensor2D, tf, type Variable } from '@kantor/engine'
import type { Operation } from './operation.js'
import type { Parameter } from './parameter.js'

/**
 * Where batch norm takes its statistics from.
 * `train`: the batch, and the running statistics move on (PyTorch's train mode; the authors never leave it).
 * `batch`: the batch, running statistics untouched (sample grids). `running`: the running statistics (eval mode).
 */
export type BatchNormMode = 'train' | 'batch' | 'running'

export interface Context {
  variable: (name: string) => Variable
  batchNorm: BatchNormMode
  /** The classes of the images, one-hot [n, classes]; a conditional network needs them. */
  classesNK?: Tensor2D | undefined
  /** Sees the output of every layer with a weight matrix, and says what goes on instead. */
  tap?: Tap | undefined
}

/** What a pass is given beside its input. */
export type Given = Pick<Context, 'classesNK' | 'tap'>

export function classesOf({ classesNK }: Context): Tensor2D {
  if (!classesNK) throw new Error('a conditional network needs the classes of its images')
  return classesNK
}

type Tap = (output: Tensor) => Tensor

/** A piece of a network: its parameters in PyTorch's order, and what it computes. */
export interface Layer {
  parameters: readonly Parameter[]
  /** What `apply` computes when nothing is trained; absent where other formats have no words for it. */
  operations?: readonly Operation[] | undefined
  apply(x: Tensor, context: Context): Tensor
  /** The most by which it lengthens the difference of two inputs, or somewhat more, as a scalar; absent where the weights alone do not tell. */
  lipschitz?: ((context: Context) => Tensor) | undefined
}

export const sequential = (layers: readonly Layer[]): Layer => ({
  parameters: layers.flatMap((layer) => layer.parameters),
  operations: operationsOf(layers),
  apply: (x, context) =>
    layers.reduce((value, layer) => {
      const output = layer.apply(value, context)
      return context.tap && hasMatrix(layer) ? context.tap(output) : output
    }, x),
  lipschitz: productOf(layers),
})

/** One after another; undefined when one of them has none. */
function operationsOf(layers: readonly Layer[]): readonly Operation[] | undefined {
  const each = layers.map(({ operations }) => operations)
  return each.includes(undefined) ? undefined : each.flatMap((operations) => operations ?? [])
}

/** Undefined when one of them has no bound: a norm over the batch, or over an image, stretches as much as its input is narrow. */
function productOf(layers: readonly Layer[]): Layer['lipschitz'] {
  const each = layers.map(({ lipschitz }) => lipschitz)
  if (each.includes(undefined)) return undefined
  return (context) => each.map((bound) => bound!(context)).reduce((product, bound) => tf.mul(product, bound))
}

const hasMatrix = ({ parameters }: Layer): boolean => parameters.some(({ torchShape }) => torchShape.length > 1)

export const activation = (apply: (x: Tensor) => Tensor, operations?: readonly Operation[]): Layer => ({
  parameters: [],
  operations,
  apply,
})

/** One that lengthens nothing. */
export const shortening = (apply: (x: Tensor) => Tensor, operations?: readonly Operation[]): Layer => ({
  ...activation(apply, operations),
  lipschitz: () => tf.scalar(1),
})
