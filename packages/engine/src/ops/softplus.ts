import type { Tensor } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { type Kernel, runSingle } from '../kernel.js'
import { sigmoid, sigmoidGradKernel } from './sigmoid.js'

/** dx = dy σ(x): linear in dy, and its slope in x is the sigmoid's. */
export const softplusGradKernel: Kernel = {
  name: 'KantorSoftplusGrad',
  op: 'SoftplusGrad',
  inputs: ['dy', 'x'],
  numOutputs: 1,
  attributes: () => ({ T: { dtype: 'float32' } }),
  gradient: {
    saveInputs: ['dy', 'x'],
    of: ([ddy], [dy, x]) => ({
      dy: () => runSingle(softplusGradKernel, { dy: ddy as Tensor, x: x as Tensor }),
      x: () => runSingle(sigmoidGradKernel, { y: sigmoid(x as Tensor), dy: tf.mul(dy as Tensor, ddy as Tensor) }),
    }),
  },
}

export const softplusKernel: Kernel = {
  name: 'KantorSoftplus',
  op: 'Softplus',
  inputs: ['x'],
  numOutputs: 1,
  attributes: () => ({ T: { dtype: 'float32' } }),
  gradient: {
    saveInputs: ['x'],
    of: ([dy], [x]) => ({ x: () => runSingle(softplusGradKernel, { dy: dy as Tensor, x: x as Tensor }) }),
  },
}

/** log(1 + eˣ), without overflow. */
export const softplus = <T extends Tensor>(x: T): T => runSingle(softplusKernel, { x }) as T
