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
    saveInputs: ['dy', 'x', 'scale', 'reserve1', 'reserve2'],
    of: ([ddx, ddScale, ddOffset], saved, attrs) => {
      const [dy, x, scale, mean, variance] = saved as [Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D]
      const composed = attrs['training']
        ? gradientOfTraining(attrs['epsilon'] as number)
        : gradientOfInference(mean, variance, attrs['epsilon'] as number)
      // ⟨dx, ddx⟩ + ⟨dScale, ddScale⟩ + ⟨dOffset, ddOffset⟩, differentiated as a composition of plain ops.
      const inner = (dyIn: Tensor, xIn: Tensor, scaleIn: Tensor): Tensor => {
        const [dx, dScale, dOffset] = composed(dyIn as Tensor4D, xIn as Tensor4D, scaleIn as Tensor1D)
        return tf.addN([
          tf.sum(tf.mul(dx, ddx as Tensor)),
          tf.sum(tf.mul(dScale, ddScale as Tensor)),
          tf.sum(tf.mul(dOffset, ddOffset as Tensor)),
        ])
      }
      const [gradDy, gradX, gradScale] = tf.grads(inner)([dy, x, scale]) as [Tensor, Tensor, Tensor]
      return { dy: () => gradDy, x: () => gradX, scale: () => gradScale }
    },
  },
}

type Gradients = [dx: Tensor, dScale: Tensor, dOffset: Tensor]

/** The first-order gradient written in plain ops, statistics taken from the batch. */
const gradientOfTraining =
  (epsilon: number) =>
  (dy: Tensor4D, x: Tensor4D, scale: Tensor1D): Gradients => {
    const axes = [0, 1, 2]
    const centred = tf.sub(x, tf.mean(x, axes))
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes), epsilon))
    const normal = tf.mul(centred, inverse)
    const dScale = tf.sum(tf.mul(dy, normal), axes)
    const dOffset = tf.sum(dy, axes)
    const n = x.shape[0] * x.shape[1] * x.shape[2]
    const inside = tf.sub(tf.sub(dy, tf.div(dOffset, n)), tf.mul(normal, tf.div(dScale, n)))
    return [tf.mul(tf.mul(scale, inverse), inside), dScale, dOffset]
  }

/** The same with fixed statistics: the op is then affine in x. */
const gradientOfInference =
  (mean: Tensor1D, variance: Tensor1D, epsilon: number) =>
  (dy: Tensor4D, x: Tensor4D, scale: Tensor1D): Gradients => {
    const inverse = tf.rsqrt(tf.add(variance, epsilon))
    const normal = tf.mul(tf.sub(x, mean), inverse)
    return [tf.mul(dy, tf.mul(scale, inverse)), tf.sum(tf.mul(dy, normal), [0, 1, 2]), tf.sum(dy, [0, 1, 2])]
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
