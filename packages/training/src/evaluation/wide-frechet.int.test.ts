import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { seededNormals } from '../oracles/random.js'
import { frechetDistance, type Points } from '../quality/index.js'
import { wideFrechetDistance } from './wide-frechet.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

/** Features as after a ReLU, their scales over two decades. */
function features(count: number, dimensions: number, seed: number, scale = 1): Points {
  const next = seededNormals(seed)
  const values = Float32Array.from({ length: count * dimensions }, (_, i) =>
    Math.max(0, next() * scale * 10 ** ((-2 * (i % dimensions)) / dimensions)),
  )
  return { values, dimensions }
}

describe('the Fréchet distance of many features', () => {
  test.each([
    ['fewer points than features on both sides', 30, 40],
    ['more on both', 200, 150],
    ['more on one', 30, 150],
  ])('is that of few: %s', (_, m, n) => {
    const [a, b] = [features(m, 48, 1), features(n, 48, 2, 1.3)]
    const expected = frechetDistance(a, b)
    expect(Math.abs(wideFrechetDistance(a, b) - expected)).toBeLessThan(1e-7 * expected)
    expect(wideFrechetDistance(b, a) / expected).toBeCloseTo(1, 7)
    expect(wideFrechetDistance(a, a)).toBeLessThan(1e-9 * expected)
  })

  test('is SciPy’s', () => {
    const fixture = JSON.parse(readFileSync(new URL('../../fixtures/quality.json', import.meta.url), 'utf8'))
    const [a, b] = [fixture.a, fixture.b].map((values) => ({
      values: Float32Array.from(values as number[]),
      dimensions: fixture.dimensions as number,
    })) as [Points, Points]
    expect(wideFrechetDistance(a, b) / fixture.frechet).toBeCloseTo(1, 5)
  })

  test('takes two points a side at least, of as many features', () => {
    expect(() => wideFrechetDistance(features(1, 8, 1), features(9, 8, 1))).toThrow(RangeError)
    expect(() => wideFrechetDistance(features(9, 8, 1), features(9, 4, 1))).toThrow(RangeError)
  })
})
