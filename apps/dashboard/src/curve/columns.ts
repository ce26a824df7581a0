import type { CurveReply, CurveSeries, CurveSeriesName, SeriesName } from '@kantor/contracts'

type Column = (number | null)[]

/** The estimate as the chart draws it; every column is as long as `x`. */
export interface EstimateColumns {
  x: number[]
  min: Column
  max: Column
  median: Column
  /** Buckets whose minimum a logarithmic axis cannot show; they are drawn at the axis's foot. */
  clipped: number
}

const bare: CurveSeries = { x: [], last: [], min: [], max: [], mean: [], n: [], bad: [] }
export const seriesOf = (curve: CurveReply, name: CurveSeriesName): CurveSeries => curve.series[name] ?? bare

export function estimateColumns(series: CurveSeries, logarithmic: boolean): EstimateColumns {
  const { x, min, max, smooth = x.map(() => null) } = series
  if (!logarithmic) return { x, min, max, median: smooth, clipped: 0 }
  const foot = smallestPositive([min, max, smooth])
  const lift = (column: Column): Column => column.map((value) => (value === null ? null : Math.max(value, foot)))
  const clipped = min.filter((value) => value !== null && value <= 0).length
  return { x, min: lift(min), max: lift(max), median: lift(smooth), clipped }
}

function smallestPositive(columns: Column[]): number {
  let smallest = Infinity
  for (const column of columns) {
    for (const value of column) if (value !== null && value > 0 && value < smallest) smallest = value
  }
  return smallest === Infinity ? 1e-6 : smallest
}

/** The means of several series over the union of their buckets. */
export function meanColumns(curve: CurveReply, names: readonly SeriesName[]): { x: number[]; columns: Column[] } {
  const all = names.map((name) => seriesOf(curve, name))
  const x = [...new Set(all.flatMap((series) => series.x))].sort((a, b) => a - b)
  const columns = all.map((series) => {
    const byStep = new Map(series.x.map((step, i) => [step, series.mean[i] ?? null]))
    return x.map((step) => byStep.get(step) ?? null)
  })
  return { x, columns }
}

export const totalBad = (series: CurveSeries): number => series.bad.reduce((sum, bad) => sum + bad, 0)

/** Steps of the buckets that hold a non-finite point. */
export const badSteps = (series: CurveSeries): number[] => series.x.filter((_, i) => (series.bad[i] ?? 0) > 0)
