import { describe, expect, test } from '@jest/globals'
import { discreteDivergences, normalDivergences } from './divergences.js'
import { parallelLines } from './example-one.js'
import { normalCdf, normalQuantiles, normalWasserstein1, normalWasserstein2 } from './normal-law.js'
import { generatorGradients, optimalDiscriminator } from './two-gaussians.js'
import { wasserstein1d } from './wasserstein.js'

const standard = { mean: 0, deviation: 1 }
const density = (x: number, mean: number) => Math.exp(-((x - mean) ** 2) / 2)
const normal = (mean: number, deviation = 1) => ({ mean, deviation })

describe('normal laws', () => {
  test('the distribution function is that of the tables, deep into both tails', () => {
    expect(normalCdf(0)).toBe(0.5)
    expect(normalCdf(1)).toBeCloseTo(0.8413447460685429, 14)
    expect(normalCdf(-1.96)).toBeCloseTo(0.024997895148220435, 14)
    expect(normalCdf(-3) / 1.34989803163009e-3).toBeCloseTo(1, 11)
    expect(normalCdf(-10) / 7.61985302416053e-24).toBeCloseTo(1, 11)
  })

  test('W1 is .79788, 1.16663 and a hair above 3 for known pairs, and agrees with sorted quantiles', () => {
    expect(normalWasserstein1(standard, normal(0, 2))).toBeCloseTo(0.79788, 5)
    expect(normalWasserstein1(standard, normal(1, 2))).toBeCloseTo(1.16663, 5)
    expect(normalWasserstein1(standard, normal(3, 0.5))).toBeGreaterThan(3)
    expect(normalWasserstein1(standard, normal(3, 0.5))).toBeCloseTo(3, 5)
    expect(normalWasserstein1(standard, normal(-2))).toBe(2)
    const [a, b] = [normalQuantiles(standard, 5000), normalQuantiles(normal(1, 2), 5000)]
    expect(wasserstein1d(a, b)).toBeCloseTo(1.16663, 2)
  })

  test('W2² of N(0, 1) and N(1, 4) is 2', () => {
    expect(normalWasserstein2(standard, normal(1, 2)) ** 2).toBeCloseTo(2, 12)
  })

  test('divergences by quadrature agree with KL = θ²/2σ² and TV = 2Φ(θ/2σ) − 1', () => {
    for (const sigma of [1, 0.1, 0.01]) {
      const { kl, tv } = normalDivergences(normal(0, sigma), normal(1, sigma))
      expect(kl / (1 / (2 * sigma ** 2))).toBeCloseTo(1, 9)
      expect(tv).toBeCloseTo(2 * normalCdf(1 / (2 * sigma)) - 1, 8)
    }
  })

  test('JS of N(0, 1) and N(m, 1) for m = 2, 4, 6, 8 is .3368, .6327, .6893, .6931', () => {
    const js = [2, 4, 6, 8].map((m) => normalDivergences(standard, normal(m)).js)
    ;[0.3368, 0.6327, 0.6893, 0.6931].forEach((known, i) => expect(js[i]).toBeCloseTo(known, 4))
  })
})

describe('discrete divergences', () => {
  test('of laws without a common point are those of Example 1, of equal laws 0', () => {
    const { w1: _, ...apart } = parallelLines(0.3)
    expect(discreteDivergences([1, 0], [0, 1])).toEqual(apart)
    expect(discreteDivergences([0.25, 0.75], [0.25, 0.75])).toEqual({ kl: 0, js: 0, tv: 0 })
    expect(parallelLines(0)).toEqual({ w1: 0, kl: 0, js: 0, tv: 0 })
  })

  test('refuse what is no law', () => {
    expect(() => discreteDivergences([1], [0.5, 0.5])).toThrow('one set')
    expect(() => discreteDivergences([0.5, 0.4], [0.5, 0.5])).toThrow('no law')
  })
})

describe('two Gaussians', () => {
  test('the minimax gradient at the fake mean is .238, 1.34e-3, 9.1e-8, 1.0e-13; the other loss keeps m', () => {
    const known = { 2: '2.4e-1', 4: '1.3e-3', 6: '9.1e-8', 8: '1.0e-13' }
    for (const [m, value] of Object.entries(known))
      expect(generatorGradients(Number(m)).minimax.toExponential(1)).toBe(value)
    expect(generatorGradients(2).minimax).toBeCloseTo(0.238, 3)
    expect(generatorGradients(8).nonSaturating).toBeCloseTo(8, 9)
  })

  test('the discriminator is the ratio p / (p + q)', () => {
    for (const x of [-1, 0.3, 2]) {
      expect(optimalDiscriminator(3, x)).toBeCloseTo(density(x, 0) / (density(x, 0) + density(x, 3)), 12)
    }
  })
})
