import { describe, expect, test } from '@jest/globals'
import type { CurveReply, CurveSeries } from '@kantor/contracts'
import { badSteps, estimateColumns, meanColumns, totalBad } from './columns.js'

const aSeries = (x: number[], values: (number | null)[], smooth?: (number | null)[]): CurveSeries => ({
  x,
  last: values.map((value) => value ?? 'NaN'),
  min: values,
  max: values.map((value) => (value === null ? null : value + 1)),
  mean: values,
  n: values.map((value) => (value === null ? 0 : 2)),
  bad: values.map((value) => (value === null ? 2 : 0)),
  ...(smooth && { smooth }),
})

describe('columns for the charts', () => {
  test('a linear axis gets the extremes and the median as they are', () => {
    const columns = estimateColumns(aSeries([0, 2], [-1, 3], [0.5, 2]), false)

    expect(columns).toEqual({ x: [0, 2], min: [-1, 3], max: [0, 4], median: [0.5, 2], clipped: 0 })
  })

  test('a logarithmic axis lifts what it cannot show to the smallest positive value, and counts it', () => {
    const columns = estimateColumns(aSeries([0, 2, 4], [-1, 0.25, null], [0.125, 2, null]), true)

    expect(columns.min).toEqual([0.125, 0.25, null])
    expect(columns.max).toEqual([0.125, 1.25, null])
    expect(columns.clipped).toBe(1)
  })

  test('points that are not finite are found and counted', () => {
    const series = aSeries([0, 2, 4], [1, null, null])

    expect(badSteps(series)).toEqual([2, 4])
    expect(totalBad(series)).toBe(4)
  })

  test('series with different buckets share one x, with holes where a series has none', () => {
    const curve = { series: { critic_loss: aSeries([0, 4], [1, 2]), gen_loss: aSeries([4, 8], [3, 4]) } } as CurveReply

    expect(meanColumns(curve, ['critic_loss', 'gen_loss', 'critic_real'])).toEqual({
      x: [0, 4, 8],
      columns: [
        [1, 2, null],
        [null, 3, 4],
        [null, null, null],
      ],
    })
  })
})
