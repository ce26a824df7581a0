import type { Tensor, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from './binding.js'

/**
 * Value of the vector `f()` and the gradient of its weighted sum Σ wᵢ fᵢ with respect to `variables`, in their order.
 * A weighted sum (instead of a scalar loss) gives every part of a loss back with one forward pass.
 */
export function weightedGradients(
  f: () => Tensor1D,
  weights: Tensor1D,
  variables: readonly Variable[],
): { value: Tensor1D; gradients: Tensor[] } {
  const { value, grads } = tf.engine().gradients(f, [...variables], weights)
  return { value: value as Tensor1D, gradients: grads }
}
