import type { CurveReply } from '@kantor/contracts'

export interface CurveFigures {
  first: number | null
  last: number | null
  /** Of the last tenth of the buckets, 5 to 100 of them: single estimates are noisy. */
  medianLast: number | null
}

/** What a curve says in three numbers. Non-finite estimates are left out. */
export function curveFigures(curve: CurveReply): CurveFigures {
  const means = (curve.series.w_estimate?.mean ?? []).filter((mean) => mean !== null)
  const numLast = Math.min(100, Math.max(5, Math.ceil(means.length / 10)))
  return { first: means[0] ?? null, last: means.at(-1) ?? null, medianLast: median(means.slice(-numLast)) }
}

function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
