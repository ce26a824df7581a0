import type { Tensor } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'

/**
 * Normalises every sample with its own mean and biased variance over all axes but the first, as PyTorch's LayerNorm.
 * `scale` and `offset` broadcast against the trailing axes: x.shape.slice(1) as PyTorch keeps them, or [channels] as
 * Gulrajani et al. 2017 do in their critics. No score looks at the rest of its batch, so a gradient penalty may use it.
 * Composed of ops whose gradients are exact in any order (`rsqrt`'s own is not: it goes through a power).
 */
export function layerNorm<T extends Tensor>(
  x: T,
  { scale, offset }: { scale: Tensor; offset: Tensor },
  { epsilon }: { epsilon: number },
): T {
  const axes = x.shape.slice(1).map((_, i) => i + 1)
  const centred = tf.sub(x, tf.mean(x, axes, true))
  const variance = tf.mean(tf.mul(centred, centred), axes, true)
  const normal = tf.div(centred, tf.sqrt(tf.add(variance, epsilon)))
  return tf.add(tf.mul(normal, scale), offset)
}
