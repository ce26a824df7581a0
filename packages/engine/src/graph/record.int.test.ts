import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { weightedGradients } from '../gradients.js'
import { loadTensorFlow } from '../load.js'
import { leakyRelu, relu, tanh } from '../ops/activations.js'
import { batchNormTraining } from '../ops/batch-norm.js'
import { convolve, convolveTransposed } from '../ops/convolution.js'
import { randomNormal, randomUniform } from '../ops/random.js'
import { record } from './record.js'
import type { InputSpec, Recording } from './recording.js'
import type { StepFunction } from './record.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const opaque = new Set(['FusedBatchNormV3', 'FusedBatchNormGradV3'])

/** Everything about a recording but the reserves of batch norm, whose shapes only the ops themselves know. */
const outline = ({ operations, assignments, outputs }: Recording) => ({
  operations: operations.map(({ op, inputs, outputs: results }) => [
    op,
    inputs.map(({ shape }) => shape).slice(0, opaque.has(op) ? 3 : undefined),
    results.map(({ shape, dtype }) => [shape, dtype]).slice(0, opaque.has(op) ? 3 : undefined),
  ]),
  assignments: assignments.map(({ variable, operand }) => [variable, operand.shape, operand.value.origin]),
  outputs: Object.entries(outputs).map(([key, { shape, value }]) => [key, shape, value.origin]),
})

interface Case {
  inputs: Record<string, InputSpec>
  variables?: Variable[]
  step: StepFunction
}

const network = (): Case => {
  const filter = tf.variable(tf.randomNormal([4, 4, 3, 6], 0, 0.1, 'float32', 1))
  const back = tf.variable(tf.randomNormal([4, 4, 3, 6], 0, 0.1, 'float32', 2))
  const scale = tf.variable(tf.ones([6]))
  const offset = tf.variable(tf.zeros([6]))
  const [runningMean, runningVariance] = [tf.variable(tf.zeros([6]), false), tf.variable(tf.ones([6]), false)]
  const trained = [filter, back, scale, offset]
  return {
    variables: [...trained, runningMean, runningVariance],
    inputs: { images: { shape: [2, 9, 7, 3], dtype: 'uint8' }, seed: { shape: [2], dtype: 'int32' } },
    step: ({ images, seed }) => {
      const vectors = { scale, offset, runningMean, runningVariance } as unknown as Record<string, Tensor1D>
      const loss = (x: Tensor) => {
        const hidden = convolve(x as Tensor4D, filter as unknown as Tensor4D, 2, 'same')
        const { y, runningMean: mean } = batchNormTraining(hidden, vectors as never, { epsilon: 1e-5, momentum: 0.1 })
        runningMean.assign(mean)
        const up = convolveTransposed(leakyRelu(y, 0.2), back as unknown as Tensor4D, 2)
        return tf.mean(tf.square(tanh(convolve(relu(up), filter as unknown as Tensor4D, 1, 'valid'))))
      }
      const noise = randomUniform<Tensor4D>([2, 9, 7, 3], seed as Tensor1D)
      const { value, gradients } = weightedGradients(
        () => {
          const slope = tf.grad(loss)(tf.add(tf.div(images as Tensor, 255), noise))
          return tf.stack([loss(images as Tensor), tf.sqrt(tf.sum(tf.mul(slope, slope)))]) as Tensor1D
        },
        tf.tensor1d([1, 10]),
        trained,
      )
      trained.forEach((variable, i) => variable.assign(tf.sub(variable, tf.mul(gradients[i] as Tensor, 0.1))))
      return { value }
    },
  }
}

const odds = (): Case => ({
  inputs: { a: { shape: [2, 3, 4] }, b: { shape: [3, 1] }, seed: { shape: [2], dtype: 'int32' } },
  step: ({ a, b, seed }) => {
    const sum = tf.maximum(tf.add(a as Tensor, b as Tensor), -1)
    const [first] = tf.unstack(sum, 1) as [Tensor]
    const product = tf.matMul(first as Tensor2D, randomNormal<Tensor2D>([5, 4], seed as Tensor1D), false, true)
    const mask = tf.cast(tf.greater(product, 0), 'float32')
    return {
      mask: tf.transpose(tf.concat([mask, tf.neg(mask)], 1)),
      sums: tf.sum(tf.slice(sum, [0, 1, 0], [2, -1, 2]), [0, 2], true),
      batched: tf.matMul(a as Tensor, tf.stack([first, first]) as Tensor, false, true),
    }
  },
})

const unruly = (): Case => ({
  inputs: { a: { shape: [4] } },
  step: ({ a }) => ({ sorted: tf.topk(a as Tensor1D, 2).values, wide: tf.pad(a as Tensor, [[1, 1]]) }),
})

describe('record', () => {
  test.each([
    ['a network with second-order gradients', network],
    ['odds and ends', odds],
    ['ops without a rule', unruly],
  ])('%s: shapes by rule are those of a real run, and nothing stays behind', (_name, make) => {
    const options = { name: 'test', variables: [], ...make() }
    const before = options.variables.map((variable) => [variable.dataId, ...variable.dataSync()])
    const start = tf.memory()
    const byRule = record(options)
    expect(outline(byRule)).toEqual(outline(record(options, { run: true })))
    expect(byRule.operations.length).toBeGreaterThan(1)
    expect(tf.memory()).toEqual(start)
    options.variables.forEach((variable, i) => expect([variable.dataId, ...variable.dataSync()]).toEqual(before[i]))
    tf.dispose(options.variables)
  })

  test('a failing step leaves variables and backend as they were', () => {
    const weight = tf.variable(tf.tensor1d([1, 2]))
    const step = () => {
      weight.assign(tf.add(weight, 1))
      throw new Error('no')
    }
    expect(() => record({ name: 'bad', variables: [weight], inputs: {}, step })).toThrow('no')
    expect([...tf.add(weight, 1).dataSync()]).toEqual([2, 3])
    weight.dispose()
  })
})
