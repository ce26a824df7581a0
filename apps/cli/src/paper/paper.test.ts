import { describe, expect, test } from '@jest/globals'
import { deviation, within } from './experiment.js'
import { experiments } from './index.js'

describe('the paper’s experiments', () => {
  for (const { name, run } of experiments)
    test(`${name} agrees with its truth in every finding`, () => {
      const findings = run()
      expect(findings.length).toBeGreaterThan(0)
      expect(findings.filter((finding) => deviation(finding) > 1)).toEqual([])
    })

  test('have names that differ', () => {
    expect(new Set(experiments.map(({ name }) => name)).size).toBe(experiments.length)
  })
})

describe('a finding', () => {
  test('misses by more than its tolerance, by a sign, by not being a number, by being finite where the truth is not', () => {
    expect(deviation(within(0.01, '', 2, 2.019))).toBeLessThan(1)
    expect(deviation(within(0.01, '', 2, 2.021))).toBeGreaterThan(1)
    expect(deviation(within(0.01, '', 2, -2))).toBeGreaterThan(1)
    expect(deviation(within(0.01, '', 2, NaN))).toBe(Infinity)
    expect(deviation(within(0.01, '', Infinity, 5))).toBe(Infinity)
    expect(deviation(within(0.01, '', Infinity, Infinity))).toBe(0)
  })
})
