import type { Tensor, Tensor1D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { type Kernel, runSingle } from '../kernel.js'

const stateless = (name: string, op: string): Kernel => ({
  name,
  op,
  inputs: ['shape', 'seed'],
  numOutputs: 1,
  attributes: () => ({ dtype: { dtype: 'float32' }, T: { dtype: 'int32' }, Tseed: { dtype: 'int32' } }),
})

export const randomNormalKernel = stateless('KantorStatelessNormal', 'StatelessRandomNormal')
export const randomUniformKernel = stateless('KantorStatelessUniform', 'StatelessRandomUniform')

const draw = (kernel: Kernel, shape: readonly number[], seed: Tensor1D): Tensor =>
  tf.tidy(() => runSingle(kernel, { shape: tf.tensor1d([...shape], 'int32'), seed }))

/** N(0, 1) numbers that depend on `seed` (int32 pair) and shape alone, not on earlier draws. */
export const randomNormal = <T extends Tensor>(shape: T['shape'], seed: Tensor1D): T =>
  draw(randomNormalKernel, shape, seed) as T

/** U[0, 1) numbers, likewise. */
export const randomUniform = <T extends Tensor>(shape: T['shape'], seed: Tensor1D): T =>
  draw(randomUniformKernel, shape, seed) as T
