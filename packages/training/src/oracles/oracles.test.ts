import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { slicedWasserstein } from './sliced-wasserstein.js'
import { wasserstein1d } from './wasserstein.js'

const midpoints = (n: number, scale = 1) => Float64Array.from({ length: n }, (_, i) => ((i + 0.5) / n) * scale)

const repeat = (points: number[], times: number) => points.flatMap((x) => Array<number>(times).fill(x))

describe('wasserstein1d', () => {
  test('of two point masses is their distance', () => {
    expect(wasserstein1d([0.25], [-3])).toBe(3.25)
  })

  test('of U[0, 1] and U[0, 2] is 1/2', () => {
    expect(wasserstein1d(midpoints(1000), midpoints(1000, 2))).toBeCloseTo(0.5, 9)
  })

  test('of n midpoints and the uniform law is 1 / 4n, here with unequal sizes', () => {
    for (const n of [1, 3, 10]) expect(wasserstein1d(midpoints(n), midpoints(n * 1000))).toBeCloseTo(1 / (4 * n), 9)
  })

  test('of unequal sizes that share no factor agrees with both samples repeated to a common size', () => {
    const [a, b] = [
      [0.1, -2, 5],
      [1, 4, 4, -7, 0.5],
    ]
    expect(wasserstein1d(a, b)).toBeCloseTo(wasserstein1d(repeat(a, 5), repeat(b, 3)), 12)
  })

  test('is a metric that moves with a translation', () => {
    const sample = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(sample, sample, sample, fc.double({ min: -50, max: 50, noNaN: true }), (a, b, c, shift) => {
        expect(wasserstein1d(a, a)).toBe(0)
        expect(wasserstein1d(a, b)).toBeCloseTo(wasserstein1d(b, a), 9)
        expect(wasserstein1d(a, c)).toBeLessThanOrEqual(wasserstein1d(a, b) + wasserstein1d(b, c) + 1e-9)
        expect(
          wasserstein1d(
            a,
            a.map((x) => x + shift),
          ),
        ).toBeCloseTo(Math.abs(shift), 9)
      }),
    )
  })

  test('refuses an empty side', () => {
    expect(() => wasserstein1d([], [1])).toThrow(RangeError)
  })
})

describe('slicedWasserstein', () => {
  const cloud = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i * i))

  test('is 0 for equal clouds in another order', () => {
    const reversed = new Float32Array(300)
    for (let i = 0; i < 100; i++) reversed.set(cloud.subarray(3 * i, 3 * i + 3), 3 * (99 - i))
    expect(slicedWasserstein(cloud, reversed, 3)).toBe(0)
  })

  test('in one dimension is W1 itself', () => {
    const [a, b] = [cloud.subarray(0, 100), cloud.subarray(100)]
    expect(slicedWasserstein(a, b, 1, { directions: 3 })).toBeCloseTo(wasserstein1d(a, b), 12)
  })

  test('of a translation by v is |v| · E|θ₁|: 2/π of it in the plane, 1/2 in space', () => {
    const v = [3, 4, 12]
    const shifted = (dimensions: number) => cloud.map((x, i) => x + (v[i % dimensions] as number))
    const options = { directions: 20_000, seed: 3 }
    expect(slicedWasserstein(cloud, shifted(2), 2, options) / (5 * (2 / Math.PI))).toBeCloseTo(1, 1.5)
    expect(slicedWasserstein(cloud, shifted(3), 3, options) / (13 * 0.5)).toBeCloseTo(1, 1.5)
  })

  test('depends on the seed alone, and takes unequal numbers of points', () => {
    const once = slicedWasserstein(cloud, cloud.subarray(0, 150), 3, { seed: 1 })
    expect(slicedWasserstein(cloud, cloud.subarray(0, 150), 3, { seed: 1 })).toBe(once)
    expect(slicedWasserstein(cloud, cloud.subarray(0, 150), 3, { seed: 2 })).not.toBe(once)
    expect(once).toBeGreaterThan(0)
  })

  test('refuses what is no list of points', () => {
    expect(() => slicedWasserstein(cloud, cloud.subarray(1), 3)).toThrow('no points of 3')
    expect(() => slicedWasserstein(cloud, new Float32Array(0), 3)).toThrow(RangeError)
  })
})
