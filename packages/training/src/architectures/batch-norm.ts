import {
  batchNormInference,
  batchNormTraining,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
} from '@kantor/engine'
import { classesOf, type Context, type Layer } from './layer.js'
import { type Init, type Parameter, plain } from './parameter.js'

// PyTorch's defaults: ε 1e-5, momentum 0.1, unbiased running variance. The authors' weights_init: scales N(1, 0.02), offsets 0.
const EPSILON = 1e-5
const MOMENTUM = 0.1
const scaleInit: Init = { kind: 'normal', mean: 1, deviation: 0.02 }
const constant = (value: number): Init => ({ kind: 'constant', value })

const parameterOf =
  (name: string) =>
  (suffix: string, torchShape: number[], init: Init, role: Parameter['role']): Parameter => ({
    name: `${name}.${suffix}`,
    torchShape,
    layout: plain(torchShape),
    init,
    role,
  })

/** BatchNorm2d. */
export function batchNorm(name: string, channels: number): Layer {
  const parameter = parameterOf(name)
  const scale = parameter('weight', [channels], scaleInit, 'batch-norm')
  const offset = parameter('bias', [channels], constant(0), 'batch-norm')
  const running = statisticsOf(name, channels)
  return {
    parameters: [scale, offset, running.mean, running.variance],
    operations: [{ kind: 'batch-norm', scale, offset, ...running, epsilon: EPSILON }],
    apply(x, context) {
      const vector = (of: Parameter) => context.variable(of.name) as unknown as Tensor1D
      return normalised(x as Tensor4D, { scale: vector(scale), offset: vector(offset) }, running, context)
    },
  }
}

/** The same with the scale and the offset of each image's class (Dumoulin et al. 2017; Miyato and Koyama 2018): rows of [classes, channels]. */
const conditionalBatchNorm =
  (classes: number) =>
  (name: string, channels: number): Layer => {
    const parameter = parameterOf(name)
    const scale = parameter('weight', [classes, channels], scaleInit, 'batch-norm')
    const offset = parameter('bias', [classes, channels], constant(0), 'batch-norm')
    const running = statisticsOf(name, channels)
    return {
      parameters: [scale, offset, running.mean, running.variance],
      operations: [{ kind: 'batch-norm', scale, offset, ...running, epsilon: EPSILON }],
      apply(x, context) {
        const ofClass = ({ name: key }: Parameter) =>
          tf.reshape(tf.matMul(classesOf(context), context.variable(key) as unknown as Tensor2D), [-1, 1, 1, channels])
        const even = { scale: tf.ones([channels]) as Tensor1D, offset: tf.zeros([channels]) as Tensor1D }
        const normal = normalised(x as Tensor4D, even, running, context)
        return tf.add(tf.mul(normal, ofClass(scale)), ofClass(offset))
      },
    }
  }

/** What a generator's batch norms are, with classes and without. */
export const batchNormFor = (classes: number | undefined): ((name: string, channels: number) => Layer) =>
  classes === undefined ? batchNorm : conditionalBatchNorm(classes)

interface Statistics {
  mean: Parameter
  variance: Parameter
}

function statisticsOf(name: string, channels: number): Statistics {
  const parameter = parameterOf(name)
  return {
    mean: parameter('running_mean', [channels], constant(0), 'running'),
    variance: parameter('running_var', [channels], constant(1), 'running'),
  }
}

function normalised(
  x: Tensor4D,
  affine: { scale: Tensor1D; offset: Tensor1D },
  { mean, variance }: Statistics,
  { variable, batchNorm: mode }: Context,
): Tensor {
  const vector = ({ name }: Parameter) => variable(name) as unknown as Tensor1D
  const state = { ...affine, runningMean: vector(mean), runningVariance: vector(variance) }
  if (mode === 'running') return batchNormInference(x, state, { epsilon: EPSILON })
  const result = batchNormTraining(x, state, { epsilon: EPSILON, momentum: MOMENTUM })
  if (mode === 'train') {
    variable(mean.name).assign(result.runningMean)
    variable(variance.name).assign(result.runningVariance)
  }
  return result.y
}
