import { describe, expect, test } from '@jest/globals'
import { diagnosticCatalogue, type DiagnosticName, healthRules } from '@kantor/contracts'
import { groups } from './groups.js'
import { axisRange, limitWords, signalOf, watched } from './watched.js'

const clip = { kind: 'wgan-clip', clip: 0.01, clamp: 'before', clipBatchNorm: true } as const
const penalty = { kind: 'wgan-gp', lambda: 10, sides: 2, drift: 0 } as const

describe('what rules say of a diagnostic', () => {
  test('a level is a line of its chart, for the objectives that the rule is of', () => {
    expect(watched('clipped_share_min', clip).limits.map(limitWords)).toEqual(['saturated above 0.95'])
    expect(watched('clipped_share_min', penalty).limits).toEqual([])
    expect(watched('slope_real', clip).limits.map(limitWords)).toEqual(['saturated below 1e−6'])
    expect(watched('slope_between', penalty).limits.map(({ value }) => value)).toEqual([3])
  })

  test('growth has no level, and a lost number no line', () => {
    const { limits, others } = watched('gen_gradient_norm', clip)

    expect(limits).toEqual([])
    expect(others.map(({ of }) => of)).toEqual(['rise', 'rise'])
  })

  test('the mark of every rule, and of a remedy against it, finds the series that it looks at', () => {
    for (const { state, reason, signal } of Object.values(healthRules)) {
      const said = `${state}: ${reason}`
      expect(signalOf({ step: 1, type: 'health', message: said })).toBe(signal)
      expect(signalOf({ step: 1, type: 'remedy', message: `the job ends: the critic is ${said}` })).toBe(signal)
    }
    expect(signalOf({ step: 1, type: 'health', message: 'tracking: no rule of critic health is broken' })).toBeNull()
    expect(signalOf({ step: 1, type: 'checkpoint' })).toBeNull()
  })

  test('an axis reaches to a limit nearby, and leaves one far away at its edge', () => {
    const [low, high] = axisRange(0.4, 0.6, [0.95])
    expect(low).toBeLessThan(0.4)
    expect(high).toBeGreaterThan(0.95)
    expect(axisRange(0.001, 0.002, [0.1])[1]).toBeLessThan(0.003)
    const [flatLow, flatHigh] = axisRange(1, 1, [])
    expect(flatLow).toBeLessThan(1)
    expect(flatHigh).toBeGreaterThan(1)
  })
})

test('every diagnostic of the catalogue stands in one group', () => {
  const grouped = groups.flatMap(({ names }) => names)

  expect(grouped.toSorted()).toEqual((Object.keys(diagnosticCatalogue) as DiagnosticName[]).toSorted())
})
