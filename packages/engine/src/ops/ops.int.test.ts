import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  imagesFromBytes,
  layerNorm,
  loadTensorFlow,
  randomNormal,
  randomUniform,
  seedPair,
  sigmoid,
  softplus,
  type Tensor,
  tf,
} from '../index.js'
import { batchNormTraining } from './batch-norm.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const numbers = (make: () => Tensor): Float32Array => tf.tidy(() => make().dataSync<'float32'>())

describe('batchNormTraining', () => {
  const x = Float64Array.from({ length: 2 * 3 * 3 * 2 }, (_, i) => Math.sin(3 * i) + (i % 2))
  const statistics = (channel: number) => {
    const values = x.filter((_, i) => i % 2 === channel)
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length
    const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0)
    return { mean, biased: squares / values.length, unbiased: squares / (values.length - 1) }
  }
  const run = () =>
    tf.tidy(() => {
      const { y, runningMean, runningVariance } = batchNormTraining(
        tf.tensor4d(Float32Array.from(x), [2, 3, 3, 2]),
        {
          scale: tf.tensor1d([1.5, 0.5]),
          offset: tf.tensor1d([0.1, -0.1]),
          runningMean: tf.tensor1d([5, 6]),
          runningVariance: tf.tensor1d([7, 8]),
        },
        { epsilon: 1e-5, momentum: 0.1 },
      )
      return [y, runningMean, runningVariance].map((tensor) => tensor.dataSync<'float32'>()) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ]
    })

  test('normalises with the biased variance of the batch', () => {
    const [y] = run()
    for (const [i, value] of y.entries()) {
      const { mean, biased } = statistics(i % 2)
      const normal = ((x[i] as number) - mean) / Math.sqrt(biased + 1e-5)
      expect(value).toBeCloseTo(normal * (i % 2 ? 0.5 : 1.5) + (i % 2 ? -0.1 : 0.1), 5)
    }
  })

  test('moves the running statistics as PyTorch does, with the unbiased variance', () => {
    const [, mean, variance] = run()
    for (const channel of [0, 1]) {
      const batch = statistics(channel)
      expect(mean[channel]).toBeCloseTo(0.9 * (5 + channel) + 0.1 * batch.mean, 5)
      expect(variance[channel]).toBeCloseTo(0.9 * (7 + channel) + 0.1 * batch.unbiased, 5)
    }
  })
})

const at = [-200, -20, -1, 0, 0.5, 20, 200]
const valuesOf = (f: (x: Tensor) => Tensor) => numbers(() => f(tf.tensor1d(at)))
const slopesOf = (f: (x: Tensor) => Tensor) => numbers(() => tf.grad((x: Tensor) => tf.sum(f(x)))(tf.tensor1d(at)))
const logistic = (x: number) => 1 / (1 + Math.exp(-x))

describe('smooth activations', () => {
  test('sigmoid and softplus keep their digits far out, and so do their slopes', () => {
    for (const [i, x] of at.entries()) {
      expect(valuesOf(sigmoid)[i]).toBeCloseTo(logistic(x), 6)
      expect(slopesOf(sigmoid)[i]).toBeCloseTo(logistic(x) * (1 - logistic(x)), 6)
      expect(valuesOf(softplus)[i]).toBeCloseTo(x > 100 ? x : Math.log1p(Math.exp(x)), 5)
      expect(slopesOf(softplus)[i]).toBeCloseTo(logistic(x), 6)
    }
  })
})

describe('layerNorm', () => {
  test('gives every sample mean 0 and variance 1, then scale and offset per channel', () => {
    const [n, size] = [3, 2 * 2 * 2]
    const x = Float32Array.from({ length: n * size }, (_, i) => Math.sin(7 * i) * (1 + i))
    const y = numbers(() => {
      const state = { scale: tf.tensor1d([2, 3]), offset: tf.tensor1d([0.5, -0.5]) }
      return layerNorm(tf.tensor4d(x, [n, 2, 2, 2]), state, { epsilon: 1e-5 })
    })
    for (let sample = 0; sample < n; sample++) {
      const own = x.subarray(sample * size, (sample + 1) * size)
      const mean = own.reduce((sum, v) => sum + v, 0) / size
      const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size
      for (const [i, value] of own.entries()) {
        const normal = (value - mean) / Math.sqrt(variance + 1e-5)
        expect(y[sample * size + i]).toBeCloseTo(i % 2 ? 3 * normal - 0.5 : 2 * normal + 0.5, 4)
      }
    }
  })
})

const pair = (step: number) => tf.tensor1d(seedPair(1, 'init', step), 'int32')

describe('random numbers', () => {
  test('depend on their seed alone, not on what was drawn before', () => {
    const first = numbers(() => randomNormal([5, 7], pair(1)))
    numbers(() => randomNormal([100], pair(2)))
    expect(numbers(() => randomNormal([5, 7], pair(1)))).toEqual(first)
    expect(numbers(() => randomNormal([5, 7], pair(2)))).not.toEqual(first)
  })

  test('have the moments of their laws', () => {
    const n = 100_000
    const moments = (values: Float32Array) => {
      const mean = values.reduce((sum, v) => sum + v, 0) / n
      return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n }
    }
    const normal = moments(numbers(() => randomNormal([n], pair(3))))
    expect(normal.mean).toBeCloseTo(0, 1.5)
    expect(normal.variance).toBeCloseTo(1, 1.5)
    const uniform = numbers(() => randomUniform([n], pair(4)))
    expect(moments(uniform).mean).toBeCloseTo(0.5, 1.8)
    expect(moments(uniform).variance).toBeCloseTo(1 / 12, 2)
    expect(uniform.every((v) => v >= 0 && v < 1)).toBe(true)
  })
})

describe('imagesFromBytes', () => {
  test('rounds every level as torchvision does: x / 255, then (x − 0.5) / 0.5 in float32', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const expected = Float32Array.from(bytes, (i) => (Math.fround(i / 255) - 0.5) / 0.5)
    expect(numbers(() => imagesFromBytes(bytes, [1, 16, 16, 1]))).toEqual(expected)
  })

  test('refuses bytes that do not fit the shape', () => {
    expect(() => imagesFromBytes(new Uint8Array(5), [1, 2, 2, 1])).toThrow('5 bytes are no [1, 2, 2, 1] images')
  })
})

test('clipping keeps NaN a NaN: a broken weight must not look healed', () => {
  const clipped = numbers(() => tf.clipByValue(tf.tensor1d([NaN, 5, -5, Infinity]), -0.25, 0.25))
  expect([...clipped]).toEqual([NaN, 0.25, -0.25, 0.25])
})
