import { beforeAll, describe, expect, test } from '@jest/globals'
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '../index.js'
import { loadTensorFlow } from '../load.js'
import { leakyRelu, relu, tanh } from './activations.js'
import { batchNormInference, batchNormTraining } from './batch-norm.js'
import { convolve, convolveTransposed } from './convolution.js'
import { dense } from './dense.js'
import { layerNorm } from './layer-norm.js'
import { sigmoid } from './sigmoid.js'
import { softplus } from './softplus.js'
import { powerStep, spectralNorm } from './spectral-norm.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

type Op = (inputs: Tensor[]) => Tensor

interface Case {
  op: Op
  shapes: number[][]
  /** Keeps inputs away from points where the op is not smooth. */
  shift?: (x: Tensor) => Tensor
  epsilon?: number
}

const image = [3, 4, 4, 2]
const fixed = () => ({
  runningMean: tf.tensor1d([0.3, -0.2]),
  runningVariance: tf.tensor1d([0.5, 2]),
})
const normState = ([, scale, offset]: Tensor[]) => ({
  scale: scale as Tensor1D,
  offset: offset as Tensor1D,
  ...fixed(),
})
const awayFromZero = (x: Tensor): Tensor => tf.add(x, tf.mul(tf.sign(x), 0.2))

const layerNormOf = ([x, scale, offset]: Tensor[]) =>
  layerNorm(x as Tensor, { scale: scale as Tensor, offset: offset as Tensor }, { epsilon: 1e-2 })

/** Of the matrix that the case starts from, but no part of what is differentiated. */
const fixedVectors = () => powerStep(draw([4, 3], 0) as Tensor2D, tf.ones([3]))

const cases: Record<string, Case> = {
  leakyRelu: { op: ([x]) => leakyRelu(x as Tensor, 0.2), shapes: [image], shift: awayFromZero },
  relu: { op: ([x]) => relu(x as Tensor), shapes: [image], shift: awayFromZero },
  tanh: { op: ([x]) => tanh(x as Tensor), shapes: [image] },
  sigmoid: { op: ([x]) => sigmoid(x as Tensor), shapes: [image] },
  softplus: { op: ([x]) => softplus(x as Tensor), shapes: [image] },
  'layer norm, one scale per channel': { op: layerNormOf, shapes: [image, [2], [2]] },
  'layer norm, one scale per element': { op: layerNormOf, shapes: [[3, 6], [6], [6]] },
  dense: { op: ([x, w, b]) => dense(x as Tensor2D, w as Tensor2D, b as Tensor1D), shapes: [[3, 4], [4, 5], [5]] },
  'dense without an offset': {
    op: ([x, w]) => dense(x as Tensor2D, w as Tensor2D),
    shapes: [
      [3, 4],
      [4, 5],
    ],
  },
  'division by the spectral norm, vectors fixed': {
    op: ([w]) => tf.mul(tf.div(w as Tensor, spectralNorm(w as Tensor2D, fixedVectors())), 5),
    shapes: [[4, 3]],
  },
  'sum over all': { op: ([x]) => tf.sum(x as Tensor), shapes: [image] },
  'sum over axes': { op: ([x]) => tf.sum(x as Tensor, [1, 2, 3]), shapes: [image] },
  'mean over all': { op: ([x]) => tf.mul(tf.mean(x as Tensor), 20), shapes: [[2, 3]] },
  'mean over axes, kept': { op: ([x]) => tf.mul(tf.mean(x as Tensor, [1, 2], true), 5), shapes: [image] },
  'norm per sample': {
    op: ([x]) => tf.sqrt(tf.add(tf.sum(tf.mul(x as Tensor, x as Tensor), [1, 2, 3]), 1e-30)),
    shapes: [image],
  },
  'batch norm, batch statistics': {
    op: (inputs) => batchNormTraining(inputs[0] as Tensor4D, normState(inputs), { epsilon: 1e-2, momentum: 0.1 }).y,
    shapes: [image, [2], [2]],
  },
  'batch norm, running statistics': {
    op: (inputs) => batchNormInference(inputs[0] as Tensor4D, normState(inputs), { epsilon: 1e-2 }),
    shapes: [image, [2], [2]],
  },
  convolution: {
    op: ([x, w]) => convolve(x as Tensor4D, w as Tensor4D, 2, 'same'),
    shapes: [image, [4, 4, 2, 3]],
  },
  'convolution, stride 1': {
    op: ([x, w]) => convolve(x as Tensor4D, w as Tensor4D, 1, 'same'),
    shapes: [image, [3, 3, 2, 3]],
  },
  'convolution, no padding': {
    op: ([x, w]) => convolve(x as Tensor4D, w as Tensor4D, 1, 'valid'),
    shapes: [image, [4, 4, 2, 3]],
  },
  'transposed convolution': {
    op: ([x, w]) => convolveTransposed(x as Tensor4D, w as Tensor4D, 2),
    shapes: [image, [4, 4, 3, 2]],
  },
}

/** ⟨op(x), w⟩ squashed through x², so that the op's output matters for its own gradient. */
const loss =
  (op: Op, weights: Tensor) =>
  (inputs: Tensor[]): Tensor =>
    tf.sum(tf.mul(tf.square(op(inputs)), weights))

const directional = (gradients: Tensor[], direction: Tensor[]): Tensor =>
  tf.addN(gradients.map((gradient, i) => tf.sum(tf.mul(gradient, direction[i] as Tensor))))

const along = (inputs: Tensor[], direction: Tensor[], h: number): Tensor[] =>
  inputs.map((x, i) => tf.add(x, tf.mul(direction[i] as Tensor, h)))

const number = (tensor: Tensor): number => tensor.dataSync()[0] as number

/** Fourth-order central difference of f at 0; in float32 its rounding error is about 1e-4 of f. */
const derivative = (f: (h: number) => number, h = 0.05): number =>
  (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)

const draw = (shape: number[], i: number) => tf.randomNormal(shape, 0, 1, 'float32', 11 + i)

function setUp({ op, shapes, shift }: Case) {
  const inputs = shapes.map((shape, i) => (shift && i === 0 ? shift(draw(shape, i)) : draw(shape, i)))
  const first = shapes.map((shape, i) => tf.randomUniform(shape, -1, 1, 'float32', 31 + i))
  const second = shapes.map((shape, i) => tf.randomUniform(shape, -1, 1, 'float32', 51 + i))
  const weights = tf.randomUniform(op(inputs).shape, 0.5, 1.5, 'float32', 71)
  const value = loss(op, weights)
  const gradientsAt = (at: Tensor[]) => tf.grads((...xs: Tensor[]) => value(xs))(at)
  return { inputs, first, second, value, gradientsAt }
}

describe.each(Object.entries(cases))('%s', (_name, spec) => {
  test('has the gradient that finite differences give', () => {
    tf.tidy(() => {
      const { inputs, first, value, gradientsAt } = setUp(spec)
      const exact = number(directional(gradientsAt(inputs), first))
      const measured = derivative((h) => number(value(along(inputs, first, h))))
      expect(Math.abs(exact)).toBeGreaterThan(0.1)
      expect(Math.abs(exact - measured) / Math.abs(exact)).toBeLessThan(5e-3)
    })
  })

  test('has the second-order gradient that finite differences of the first give', () => {
    tf.tidy(() => {
      const { inputs, first, second, gradientsAt } = setUp(spec)
      const slope = (xs: Tensor[]) => directional(gradientsAt(xs), first)
      const exact = number(directional(tf.grads((...xs: Tensor[]) => slope(xs))(inputs), second))
      const measured = derivative((h) => number(slope(along(inputs, second, h))))
      expect(Math.abs(exact)).toBeGreaterThan(0.1)
      expect(Math.abs(exact - measured) / Math.abs(exact)).toBeLessThan(5e-3)
    })
  })
})
