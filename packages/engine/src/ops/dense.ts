import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'

/** x [n, from] times weights [from, to], plus an offset [to] if there is one. */
export function dense(x: Tensor2D, weights: Tensor2D, offset?: Tensor1D): Tensor2D {
  const product: Tensor = tf.matMul(x, weights)
  return (offset ? tf.add(product, offset) : product) as Tensor2D
}
