import type { NamedTensorMap, Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'

/** Approximate singular vectors of a matrix [rows, columns], each of length 1. */
export interface SingularVectors {
  /** [columns]; kept between steps. */
  u: Tensor1D
  /** [rows] */
  v: Tensor1D
}

const KERNEL = 'KantorPowerStep'

/**
 * One step of power iteration (Miyato et al. 2018, Algorithm 1): v ← Mu / ‖Mu‖, u ← Mᵀv / ‖Mᵀv‖, norms held above
 * 1e-12 as torch.nn.utils.spectral_norm does. For the gradient u and v are constants, here as there. A convolution
 * filter [height, width, in, out] goes in as [height · width · in, out]: PyTorch's matrix, transposed.
 */
export function powerStep(matrix: Tensor2D, u: Tensor1D): SingularVectors {
  const outputs = tf.engine().runKernel(KERNEL, { matrix, u } as unknown as NamedTensorMap) as unknown
  const [nextU, v] = outputs as [Tensor1D, Tensor1D]
  return { u: nextU, v }
}

/** σ = vᵀMu, the largest singular value once u and v have settled; its gradient is vuᵀ. */
export const spectralNorm = (matrix: Tensor2D, { u, v }: SingularVectors): Scalar =>
  tf.sum(tf.mul(tf.reshape(tf.matMul(matrix, column(u)), [-1]), v))

/** What runs inside a kernel is no part of the tape: one node whose gradient is zero stands for the whole step. */
export function registerPowerStep(): void {
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs }) => {
      const { matrix, u } = inputs as unknown as { matrix: Tensor2D; u: Tensor1D }
      return tf.tidy(() => {
        const v = normalised(tf.matMul(matrix, column(u)))
        return [normalised(tf.matMul(matrix, column(v), true)), v]
      })
    },
  })
  tf.registerGradient({
    kernelName: KERNEL,
    inputsToSave: ['matrix', 'u'],
    gradFunc: (_dy, saved) => ({
      matrix: () => tf.zerosLike(saved[0] as Tensor),
      u: () => tf.zerosLike(saved[1] as Tensor),
    }),
  })
}

const column = (vector: Tensor1D): Tensor2D => tf.reshape(vector, [-1, 1])

const normalised = (x: Tensor2D): Tensor1D =>
  tf.reshape(tf.div(x, tf.maximum(tf.sqrt(tf.sum(tf.mul(x, x))), 1e-12)), [-1])
