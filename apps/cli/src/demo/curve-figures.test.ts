import { describe, expect, test } from '@jest/globals'
import type { CurveReply } from '@kantor/contracts'
import { curveFigures } from './curve-figures.js'

const aCurve = (mean: (number | null)[]): CurveReply => ({
  jobId: '0198c0de-0000-7000-8000-000000000001',
  x: 'gen_step',
  resolution: 1,
  seq: 1,
  complete: true,
  reset: null,
  series: {
    w_estimate: {
      x: mean.map((_, step) => step),
      mean,
      min: mean,
      max: mean,
      last: mean.map((value) => value ?? 'NaN'),
      n: mean.map(() => 1),
      bad: mean.map((value) => (value === null ? 1 : 0)),
    },
  },
  marks: [],
})

describe('curveFigures', () => {
  test('first, last, and the median of the last tenth', () => {
    const rising = Array.from({ length: 200 }, (_, step) => step)

    expect(curveFigures(aCurve(rising))).toEqual({ first: 0, last: 199, medianLast: 189.5 })
  })

  test('one wild estimate at the end does not move the median', () => {
    const { medianLast } = curveFigures(aCurve([...Array.from({ length: 100 }, () => 2), 1e6]))

    expect(medianLast).toBe(2)
  })

  test('leaves out what is not finite, and has no figures without points', () => {
    expect(curveFigures(aCurve([null, 3, null]))).toEqual({ first: 3, last: 3, medianLast: 3 })
    expect(curveFigures(aCurve([]))).toEqual({ first: null, last: null, medianLast: null })
  })
})
