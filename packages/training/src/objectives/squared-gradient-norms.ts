import { type Tensor1D, type Tensor4D, tf } from '@kantor/engine'

/**
 * ‖∇D(xᵢ)‖² per image, [n]. The gradient of the summed scores holds every image's own gradient, as long as no score looks
 * at the rest of the batch: batch norm in the critic breaks that (Gulrajani et al. 2017, section 4).
 */
export function squaredGradientNorms(score: (imagesNHWC: Tensor4D) => Tensor1D, atNHWC: Tensor4D): Tensor1D {
  const gradient = tf.grad((imagesNHWC) => tf.sum(score(imagesNHWC as Tensor4D)))(atNHWC)
  return tf.sum(tf.mul(gradient, gradient), [1, 2, 3])
}
