import type { Tensor } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { type Kernel, runSingle } from '../kernel.js'

// As with tanh, tfjs-core's own second-order gradient is silently wrong: it saves the output. See activations.ts.

/** dx = dy y (1 − y) for y = σ(x). */
export const sigmoidGradKernel: Kernel = {
  name: 'KantorSigmoidGrad',
  op: 'SigmoidGrad',
  inputs: ['y', 'dy'],
  numOutputs: 1,
  attributes: () => ({ T: { dtype: 'float32' } }),
  gradient: {
    saveInputs: ['y', 'dy'],
    of: ([ddy], [y, dy]) => ({
      dy: () => runSingle(sigmoidGradKernel, { y: y as Tensor, dy: ddy as Tensor }),
      y: () => tf.mul(tf.mul(dy as Tensor, ddy as Tensor), tf.sub(1, tf.mul(y as Tensor, 2))),
    }),
  },
}

export const sigmoidKernel: Kernel = {
  name: 'KantorSigmoid',
  op: 'Sigmoid',
  inputs: ['x'],
  numOutputs: 1,
  attributes: () => ({ T: { dtype: 'float32' } }),
  gradient: {
    saveInputs: ['x'],
    of: ([dy], [x]) => ({ x: () => runSingle(sigmoidGradKernel, { y: sigmoid(x as Tensor), dy: dy as Tensor }) }),
  },
}

/** 1 / (1 + e⁻ˣ) */
export const sigmoid = <T extends Tensor>(x: T): T => runSingle(sigmoidKernel, { x }) as T
