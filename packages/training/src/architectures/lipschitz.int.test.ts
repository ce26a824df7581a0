import { beforeAll, expect, test } from '@jest/globals'
import { convolve, loadTensorFlow, type Tensor, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { convolutionStretch, largestStretch } from './lipschitz.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const figure = (make: () => Tensor): number => tf.tidy(() => make().dataSync<'float32'>()[0]!)

/** I − 2vvᵀ for a random v of length 1: a reflection, so that singular values stay what they are. */
function reflection(size: number, seed: number): Tensor2D {
  const v = tf.randomNormal([size, 1], 0, 1, 'float32', seed)
  const unit = tf.div(v, tf.norm(v))
  return tf.sub(tf.eye(size), tf.mul(2, tf.matMul(unit, unit, false, true)))
}

/** With these singular values. */
function matrixOf(values: readonly number[], [rows, columns]: [number, number]): Tensor2D {
  const middle = tf.buffer([rows, columns])
  values.forEach((value, i) => middle.set(value, i, i))
  const [left, right] = [reflection(rows, 1), reflection(columns, 2)]
  return tf.matMul(tf.matMul(left, middle.toTensor() as Tensor2D), right)
}

test.each([
  { name: 'one large value', values: [5, 1, 0.5], shape: [7, 4] },
  { name: 'two equal ones, where a power step turns slowly', values: [2, 2, 1.999, 0.1], shape: [4, 9] },
  { name: 'all equal', values: Array.from({ length: 60 }, () => 0.01), shape: [60, 60] },
  { name: 'a tiny scale', values: [3e-6, 1e-6], shape: [5, 2] },
  { name: 'a huge scale', values: [4e6, 1e6, 10], shape: [3, 8] },
  { name: 'a single column', values: [7], shape: [30, 1] },
])('the largest singular value, from above by a hundredth at most: $name', ({ values, shape }) => {
  const found = figure(() => largestStretch(matrixOf(values, shape as [number, number]))) / values[0]!
  // float32's own rounding.
  expect(found).toBeGreaterThan(1 - 1e-5)
  expect(found).toBeLessThan(Math.min(...shape) ** (1 / 512) * (1 + 1e-5))
})

test('of a matrix of zeros it is 0, and of one that is lost it is lost', () => {
  expect(figure(() => largestStretch(tf.zeros([4, 3])))).toBe(0)
  expect(figure(() => largestStretch(tf.mul(tf.ones([4, 3]), NaN)))).toBeNaN()
})

/** ‖convolution‖ on images of this size, by power iteration with the map itself and its transpose. */
const trueStretch = (filter: Tensor4D, strides: number, size: number): Tensor => {
  const [, , channels] = filter.shape
  let x = tf.randomNormal([1, size, size, channels], 0, 1, 'float32', 3) as Tensor4D
  for (let i = 0; i < 60; i++) {
    const unit = tf.div(x, tf.norm(x)) as Tensor4D
    x = tf.conv2dTranspose(convolve(unit, filter, strides, 'same'), filter, [1, size, size, channels], strides, 'same')
  }
  return tf.sqrt(tf.norm(x))
}

test.each([
  { size: 4, strides: 2, overlap: 2 },
  { size: 3, strides: 1, overlap: 3 },
])('a convolution $size × $size in steps of $strides stretches no image by more', ({ size, strides, overlap }) => {
  const random = () => tf.randomNormal([size, size, 3, 5], 0, 0.1, 'float32', 7) as Tensor4D
  const even = () => tf.ones([size, size, 3, 5]) as Tensor4D
  for (const filter of [random, even]) {
    const bound = figure(() => convolutionStretch(filter(), strides))
    const real = figure(() => trueStretch(filter(), strides, 16))
    expect(bound).toBeGreaterThan(real * (1 - 1e-4))
    expect(bound).toBeLessThan(overlap * 1.02 * real)
  }
})
