import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { weightedGradients } from '../gradients.js'
import { loadTensorFlow } from '../load.js'
import { leakyRelu, relu } from '../ops/activations.js'
import { batchNormTraining } from '../ops/batch-norm.js'
import { convolve, convolveTransposed } from '../ops/convolution.js'
import type { Precision } from './precision.js'
import { compile } from './compile.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const normal = (shape: number[], seed: number): Variable => tf.variable(tf.randomNormal(shape, 0, 0.1, 'float32', seed))

/** Loss and gradients of a small network with every op that bfloat16 touches, and the running mean it leaves. */
function run(precision: Precision): { terms: Float32Array; mean: Float32Array } {
  const down = normal([4, 4, 3, 16], 1)
  const up = normal([4, 4, 8, 16], 2)
  const dense = normal([8 * 64, 16], 3)
  const last = normal([16, 1], 4)
  const [scale, offset] = [tf.variable(tf.ones([16])), tf.variable(tf.zeros([16]))]
  const [runningMean, runningVariance] = [tf.variable(tf.zeros([16]), false), tf.variable(tf.ones([16]), false)]
  const trained = [down, up, dense, last, scale, offset]
  const loss = (x: Tensor4D): Tensor1D => {
    const state = { scale, offset, runningMean, runningVariance } as unknown as Record<string, Tensor1D>
    const hidden = convolve(x, down as unknown as Tensor4D, 2, 'same')
    const { y, runningMean: mean } = batchNormTraining(hidden, state as never, { epsilon: 1e-5, momentum: 0.1 })
    runningMean.assign(mean)
    const wide = relu(convolveTransposed(leakyRelu(y, 0.2), up as unknown as Tensor4D, 2))
    const flat = tf.matMul(tf.reshape(wide, [4, 8 * 64]) as Tensor2D, dense as unknown as Tensor2D)
    return tf.reshape(tf.mean(tf.square(tf.matMul(flat, last as unknown as Tensor2D))), [1])
  }
  const one = tf.tensor1d([1])
  const program = compile({
    variables: [...trained, runningMean, runningVariance],
    inputs: { x: { shape: [4, 8, 8, 3] } },
    step: ({ x }) => {
      const { value, gradients } = weightedGradients(() => loss(x as Tensor4D), one, trained)
      const flat = [value, ...gradients].map((tensor): Tensor => tf.reshape(tensor, [-1]))
      return { terms: tf.concat(flat) }
    },
    precision,
  })
  const { terms } = program.run({ x: Float32Array.from({ length: 4 * 192 }, (_, i) => Math.sin(i * i)) })
  const [mean] = program.read([runningMean])
  program.dispose()
  tf.dispose([...trained, runningMean, runningVariance, one])
  return { terms: terms as Float32Array, mean: mean as Float32Array }
}

const norm = (values: Float32Array): number => Math.hypot(...values)
const distance = (a: Float32Array, b: Float32Array): number => norm(a.map((value, i) => value - (b[i] as number)))

describe('bfloat16', () => {
  test('loss, gradients and statistics are near those of float32, and not the same', () => {
    const [exact, low] = [run('float32'), run('bfloat16')]
    expect(Math.abs((low.terms[0] as number) / (exact.terms[0] as number) - 1)).toBeLessThan(0.02)
    expect(distance(low.terms, exact.terms)).toBeGreaterThan(1e-4 * norm(exact.terms))
    expect(distance(low.terms, exact.terms)).toBeLessThan(0.08 * norm(exact.terms))
    expect(distance(low.mean, exact.mean)).toBeLessThan(0.02 * norm(exact.mean))
  })

  test('is repeated to the bit', () => {
    expect(run('bfloat16')).toEqual(run('bfloat16'))
  })
})
