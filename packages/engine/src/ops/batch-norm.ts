import type { NamedAttrMap, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { type InputGradients, type Kernel, run } from '../kernel.js'

// TensorFlow's fused batch normalisation, NHWC. Outputs of the forward op: y, mean, variance, and three reserve tensors
// whose meaning differs between CPU (variance) and GPU (1 / σ); only the gradient op may read those.

const common = (training: boolean) => (attrs: NamedAttrMap) =>
  ({
    T: { dtype: 'float32' },
    U: { dtype: 'float32' },
    epsilon: { float: attrs['epsilon'] as number },
    data_format: { text: 'NHWC' },
    is_training: { bool: training },
  }) as const

export const batchNormGradKernel: Kernel = {
  name: 'KantorBatchNormGrad',
  op: 'FusedBatchNormGradV3',
  inputs: ['dy', 'x', 'scale', 'reserve1', 'reserve2', 'reserve3'],
  numOutputs: 5,
  attributes: (attrs) => common(attrs['training'] as boolean)(attrs),
  gradient: {
    saveInputs: ['dy', 'x', 'scale', 'reserve1', 'reserve2', 'reserve3'],
    of: (cotangents, saved, attrs) => {
      const [dy, x, scale, reserve1, reserve2, reserve3] = saved as Saved
      const epsilon = attrs['epsilon'] as number
      const statistics = attrs['training'] ? batchStatistics(x) : { mean: reserve1, variance: reserve2 }
      const inverse = tf.rsqrt(tf.add(statistics.variance, epsilon))
      const at: Point = { dy, scale, inverse, normal: tf.mul(tf.sub(x, statistics.mean), inverse) }
      const gradients = attrs['training'] ? secondOfTraining(at, cotangents) : secondOfInference(at, cotangents)
      return {
        ...gradients,
        // The statistics' own dependence on x is part of `x` above.
        reserve1: () => tf.zerosLike(reserve1),
        reserve2: () => tf.zerosLike(reserve2),
        reserve3: () => tf.zerosLike(reserve3),
      }
    },
  },
}

type Saved = [Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D, Tensor1D]

const axes = [0, 1, 2]

function batchStatistics(x: Tensor4D): { mean: Tensor; variance: Tensor } {
  const mean = tf.mean(x, axes)
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), axes) }
}

interface Point {
  dy: Tensor4D
  /** γ */
  scale: Tensor1D
  /** r = 1 / √(σ² + ε) */
  inverse: Tensor
  /** x̂ = (x − μ) r */
  normal: Tensor
}

/**
 * Gradients of L = ⟨u, dx⟩ + ⟨v, dγ⟩ + ⟨w, dβ⟩ where, per channel over n values, with P(a) = a − mean a − x̂ mean(a x̂):
 * dx = γ r P(dy), dγ = Σ dy x̂, dβ = Σ dy. From ∂r/∂x = −r² x̂ / n and ∂(Σ a x̂)/∂x = r P(a) follows
 * ∂L/∂dy = γ r P(u) + v x̂ + w, ∂L/∂γ = r Σ u P(dy),
 * ∂L/∂x = −γ r² (x̂ mean(u P(dy)) + mean(dy x̂) P(u) + mean(u x̂) P(dy)) + v r P(dy).
 */
function secondOfTraining({ dy, scale, inverse, normal }: Point, cotangents: Tensor[]): InputGradients {
  const [u, v, w] = cotangents as [Tensor, Tensor, Tensor]
  const along = (a: Tensor) => tf.mean(tf.mul(a, normal), axes)
  const project = (a: Tensor) => tf.sub(tf.sub(a, tf.mean(a, axes)), tf.mul(normal, along(a)))
  const gain = tf.mul(scale, inverse)
  const [projectedU, projectedDy] = [project(u), project(dy)]
  const inner = tf.mul(u, projectedDy)
  return {
    dy: () => tf.addN([tf.mul(gain, projectedU), tf.mul(v, normal), tf.mul(w, tf.onesLike(dy))]),
    scale: () => tf.mul(inverse, tf.sum(inner, axes)),
    x: () => {
      const terms = tf.addN([
        tf.mul(normal, tf.mean(inner, axes)),
        tf.mul(along(dy), projectedU),
        tf.mul(along(u), projectedDy),
      ])
      return tf.sub(tf.mul(tf.mul(v, inverse), projectedDy), tf.mul(tf.mul(gain, inverse), terms))
    },
  }
}

/** The same with fixed statistics, where the op is affine in x: dx = γ r dy. */
function secondOfInference({ dy, scale, inverse, normal }: Point, cotangents: Tensor[]): InputGradients {
  const [u, v, w] = cotangents as [Tensor, Tensor, Tensor]
  return {
    dy: () => tf.addN([tf.mul(tf.mul(scale, inverse), u), tf.mul(v, normal), tf.mul(w, tf.onesLike(dy))]),
    scale: () => tf.mul(inverse, tf.sum(tf.mul(u, dy), axes)),
    x: () => tf.mul(tf.mul(v, inverse), dy),
  }
}

const inputs = ['x', 'scale', 'offset', 'mean', 'variance']

const gradientsOf = (dy: Tensor, [x, scale, ...reserves]: Tensor[], attrs: NamedAttrMap): InputGradients => {
  const [reserve1, reserve2, reserve3] = reserves as [Tensor, Tensor, Tensor]
  const [dx, dScale, dOffset, ...unused] = run(
    batchNormGradKernel,
    { dy, x: x as Tensor, scale: scale as Tensor, reserve1, reserve2, reserve3 },
    attrs,
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor]
  tf.dispose(unused)
  return { x: () => dx, scale: () => dScale, offset: () => dOffset }
}

export const batchNormKernel: Kernel = {
  name: 'KantorBatchNorm',
  op: 'FusedBatchNormV3',
  inputs,
  numOutputs: 6,
  attributes: (attrs) => ({
    ...common(true)(attrs),
    // Anything but 1 makes the op move the given running statistics on: outputs 1 and 2.
    exponential_avg_factor: { float: attrs['momentum'] as number },
  }),
  gradient: {
    saveInputs: ['x', 'scale'],
    saveOutputs: [false, false, false, true, true, true],
    of: ([dy], saved, attrs) => gradientsOf(dy as Tensor, saved, { ...attrs, training: true }),
  },
}

export const batchNormInferenceKernel: Kernel = {
  name: 'KantorBatchNormInference',
  op: 'FusedBatchNormV3',
  inputs,
  numOutputs: 6,
  attributes: common(false),
  gradient: {
    saveInputs: ['x', 'scale', 'mean', 'variance'],
    saveOutputs: [false, false, false, false, false, true],
    of: ([dy], saved, attrs) => gradientsOf(dy as Tensor, saved, { ...attrs, training: false }),
  },
}

export interface BatchNormState {
  scale: Tensor1D
  offset: Tensor1D
  runningMean: Tensor1D
  runningVariance: Tensor1D
}

export interface TrainingBatchNorm {
  y: Tensor4D
  /** (1 − momentum) · running + momentum · batch. */
  runningMean: Tensor1D
  /** The same with the unbiased batch variance (n − 1), as PyTorch keeps it; y itself uses the biased one. */
  runningVariance: Tensor1D
}

/** Normalises NHWC `x` with its own batch statistics and returns the running statistics after this batch. */
export function batchNormTraining(
  x: Tensor4D,
  state: BatchNormState,
  { epsilon, momentum }: { epsilon: number; momentum: number },
): TrainingBatchNorm {
  const [y, runningMean, runningVariance] = run(batchNormKernel, inputsOf(x, state), {
    epsilon,
    momentum,
  }) as Tensor[] as [Tensor4D, Tensor1D, Tensor1D]
  return { y, runningMean, runningVariance }
}

/** Normalises NHWC `x` with the running statistics. */
export const batchNormInference = (x: Tensor4D, state: BatchNormState, { epsilon }: { epsilon: number }): Tensor4D =>
  run(batchNormInferenceKernel, inputsOf(x, state), { epsilon })[0] as Tensor4D

const inputsOf = (x: Tensor4D, { scale, offset, runningMean, runningVariance }: BatchNormState) => ({
  x,
  scale,
  offset,
  mean: runningMean,
  variance: runningVariance,
})
