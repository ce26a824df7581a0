import type { Tensor } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { type Kernel, runSingle } from '../kernel.js'

// tfjs-core's own second-order gradients of these are wrong (tanh) or throw (leakyRelu). The `…Grad` ops are linear in
// dy, so their own gradient is the same op again; the slope of a ReLU has no gradient of its own, hence zeros.
// Kernels save inputs, never outputs: the tape notes a saved output before the op that made it, and the second-order
// part that should flow back through it is lost without a word.

const float = { T: { dtype: 'float32' } } as const

const leaky = (attrs: { alpha?: unknown }) => ({ ...float, alpha: { float: attrs.alpha as number } })

export const leakyReluGradKernel: Kernel = {
  name: 'KantorLeakyReluGrad',
  op: 'LeakyReluGrad',
  inputs: ['dy', 'x'],
  numOutputs: 1,
  attributes: leaky,
  gradient: {
    saveInputs: ['x'],
    of: ([ddy], [x], attrs) => ({
      dy: () => runSingle(leakyReluGradKernel, { dy: ddy as Tensor, x: x as Tensor }, attrs),
      x: () => tf.zerosLike(x as Tensor),
    }),
  },
}

export const leakyReluKernel: Kernel = {
  name: 'KantorLeakyRelu',
  op: 'LeakyRelu',
  inputs: ['x'],
  numOutputs: 1,
  attributes: leaky,
  gradient: {
    saveInputs: ['x'],
    of: ([dy], [x], attrs) => ({
      x: () => runSingle(leakyReluGradKernel, { dy: dy as Tensor, x: x as Tensor }, attrs),
    }),
  },
}

export const reluGradKernel: Kernel = {
  name: 'KantorReluGrad',
  op: 'ReluGrad',
  inputs: ['dy', 'x'],
  numOutputs: 1,
  attributes: () => float,
  gradient: {
    saveInputs: ['x'],
    of: ([ddy], [x]) => ({
      dy: () => runSingle(reluGradKernel, { dy: ddy as Tensor, x: x as Tensor }),
      x: () => tf.zerosLike(x as Tensor),
    }),
  },
}

export const reluKernel: Kernel = {
  name: 'KantorRelu',
  op: 'Relu',
  inputs: ['x'],
  numOutputs: 1,
  attributes: () => float,
  gradient: {
    saveInputs: ['x'],
    of: ([dy], [x]) => ({ x: () => runSingle(reluGradKernel, { dy: dy as Tensor, x: x as Tensor }) }),
  },
}

/** dx = dy (1 − y²) for y = tanh x. */
export const tanhGradKernel: Kernel = {
  name: 'KantorTanhGrad',
  op: 'TanhGrad',
  inputs: ['y', 'dy'],
  numOutputs: 1,
  attributes: () => float,
  gradient: {
    saveInputs: ['y', 'dy'],
    of: ([ddy], [y, dy]) => ({
      dy: () => runSingle(tanhGradKernel, { y: y as Tensor, dy: ddy as Tensor }),
      y: () => tf.mul(tf.mul(tf.mul(y as Tensor, dy as Tensor), ddy as Tensor), tf.scalar(-2)),
    }),
  },
}

export const tanhKernel: Kernel = {
  name: 'KantorTanh',
  op: 'Tanh',
  inputs: ['x'],
  numOutputs: 1,
  attributes: () => float,
  gradient: {
    saveInputs: ['x'],
    // y is computed again, not saved: see above.
    of: ([dy], [x]) => ({ x: () => runSingle(tanhGradKernel, { y: tanh(x as Tensor), dy: dy as Tensor }) }),
  },
}

/** max(x, alpha · x), element by element. */
export const leakyRelu = <T extends Tensor>(x: T, alpha: number): T => runSingle(leakyReluKernel, { x }, { alpha }) as T

export const relu = <T extends Tensor>(x: T): T => runSingle(reluKernel, { x }) as T

export const tanh = <T extends Tensor>(x: T): T => runSingle(tanhKernel, { x }) as T
