import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow, powerStep, spectralNorm, type Tensor, type Tensor1D, type Tensor2D, tf } from '../index.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const rows = [
  [1, 2, -1],
  [0.5, -3, 2],
  [4, 0.25, 1],
  [-2, 1, 0.5],
]
const matrix = () => tf.tensor2d(rows)
const start = [0.6, 0, 0.8]

const numbers = (make: () => Tensor): number[] => tf.tidy(() => [...make().dataSync<'float32'>()])
const expectClose = (ours: number[], theirs: number[]) => {
  expect(ours).toHaveLength(theirs.length)
  for (const [i, value] of theirs.entries()) expect(ours[i]).toBeCloseTo(value, 5)
}
const unit = (x: number[]) => x.map((value) => value / Math.hypot(...x))
const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)

/** A function whose own gradient holds second-order gradients of `normalise`. */
const slopes = (normalise: (m: Tensor) => Tensor) => (m: Tensor) =>
  tf.sum(tf.square(tf.grad((x: Tensor) => tf.sum(tf.square(normalise(x))))(m)))

describe('powerStep', () => {
  test('is v ← Mu / ‖Mu‖, u ← Mᵀv / ‖Mᵀv‖', () => {
    const v = unit(rows.map((row) => dot(row, start)))
    const u = unit(
      [0, 1, 2].map((j) =>
        dot(
          rows.map((row) => row[j] as number),
          v,
        ),
      ),
    )
    expectClose(
      numbers(() => powerStep(matrix(), tf.tensor1d(start)).v),
      v,
    )
    expectClose(
      numbers(() => powerStep(matrix(), tf.tensor1d(start)).u),
      u,
    )
    const sigma = dot(
      rows.map((row) => dot(row, u)),
      v,
    )
    expectClose(
      numbers(() => spectralNorm(matrix(), powerStep(matrix(), tf.tensor1d(start)))),
      [sigma],
    )
  })

  test('settles on the largest singular value: M’s largest stretch of any direction', () => {
    const [sigma] = numbers(() => {
      let vectors = powerStep(matrix(), tf.tensor1d(start))
      for (let i = 0; i < 50; i++) vectors = powerStep(matrix(), vectors.u)
      return spectralNorm(matrix(), vectors)
    }) as [number]
    let largest = 0
    for (let a = 0; a < Math.PI; a += 0.01) {
      for (let b = 0; b < Math.PI; b += 0.01) {
        const x = [Math.sin(a) * Math.cos(b), Math.sin(a) * Math.sin(b), Math.cos(a)]
        largest = Math.max(largest, Math.hypot(...rows.map((row) => dot(row, x))))
      }
    }
    expect(sigma).toBeGreaterThanOrEqual(largest - 1e-5)
    expect(sigma - largest).toBeLessThan(1e-3)
  })

  test('of a zero matrix is zero, not NaN', () => {
    expect(numbers(() => powerStep(tf.zeros([4, 3]), tf.tensor1d(start)).u)).toEqual([0, 0, 0])
  })

  test('is a constant to first- and second-order gradients', () => {
    tf.tidy(() => {
      const { u, v } = powerStep(matrix(), tf.tensor1d(start))
      const outer = tf.matMul(tf.reshape(v, [4, 1]), tf.reshape(u, [1, 3]))
      const sigma = (m: Tensor) => spectralNorm(m as Tensor2D, powerStep(m as Tensor2D, tf.tensor1d(start)))
      expectClose([...tf.grad(sigma)(matrix()).dataSync<'float32'>()], [...outer.dataSync<'float32'>()])

      const moving = tf.grad(slopes((m) => tf.div(m, sigma(m))))(matrix())
      const fixed = tf.grad(
        slopes((m) => tf.div(m, spectralNorm(m as Tensor2D, { u, v } as { u: Tensor1D; v: Tensor1D }))),
      )
      expectClose([...moving.dataSync<'float32'>()], [...fixed(matrix()).dataSync<'float32'>()])
      expect(Math.max(...moving.dataSync().map(Math.abs))).toBeGreaterThan(1e-3)
    })
  })
})
