import { describe, expect, test } from '@jest/globals'
import { atLeast, atMost, deviation, factor, isTraining, within } from './experiment.js'
import { experiments } from './index.js'
import { page, report, resultOf } from './report.js'

describe('the paper’s experiments', () => {
  for (const experiment of experiments) {
    if (isTraining(experiment)) continue
    test(`${experiment.name} agrees with its truth in every finding`, () => {
      const findings = experiment.run()
      expect(findings.length).toBeGreaterThan(0)
      expect(findings.filter((finding) => deviation(finding) > 1)).toEqual([])
    })
  }

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

  test('of a bound or a factor misses on its own side alone', () => {
    expect(deviation(atLeast(23, '', 25))).toBeLessThan(1)
    expect(deviation(atLeast(23, '', 23))).toBe(0)
    expect(deviation(atLeast(23, '', 22))).toBeGreaterThan(1)
    expect(deviation(atLeast(23, '', 0))).toBe(Infinity)
    expect(deviation(atMost(0.05, '', 0.01))).toBeLessThan(1)
    expect(deviation(atMost(0.05, '', 0.06))).toBeGreaterThan(1)
    for (const measured of [49, 193]) expect(deviation(factor(2, '', 97, measured))).toBeLessThan(1)
    for (const measured of [48, 195, -97, NaN]) expect(deviation(factor(2, '', 97, measured))).toBeGreaterThan(1)
  })
})

describe('the account of an experiment', () => {
  const experiment = { name: 'x', question: 'Why?', claim: 'So.', source: 'Somebody', run: () => [] }

  test('passes when every finding does, and there is one', () => {
    const findings = [atLeast(2, 'enough', 3), within(0.1, '|a|', 1, 1.2)]

    expect(resultOf(experiment, { seconds: 1, findings }).pass).toBe(false)
    expect(resultOf(experiment, { seconds: 1, findings: [atLeast(2, 'enough', 3)] }).pass).toBe(true)
    expect(resultOf(experiment, { seconds: 1, findings: [], error: 'lost' }).pass).toBe(false)
  })

  test('is a table, on the terminal and on a page, where a bar in a name ends no cell', () => {
    const result = resultOf(experiment, { seconds: 1, findings: [within(0.1, '|a|', 1, 1.2), factor(2, 'b', 97, 90)] })

    expect(report(result)).toMatch(/\|a\| +1 +1\.2 +± 0\.1 +MISSES/)
    expect(page({ ...result, picture: '<svg/>' }, 'kantor paper x')).toContain(
      '| \\|a\\| | 1 | 1.2 | ± 0.1 | MISSES |\n| b | 97 | 90 | × 2 | agrees |',
    )
  })
})
