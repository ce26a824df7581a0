/** Spearman's rank correlation of two columns of the same length, in [−1, 1]; equal values share their mean rank. NaN where a column does not vary. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const middle = (a.length - 1) / 2
  const [ra, rb] = [a, b].map((column) => ranksOf(column).map((rank) => rank - middle)) as [number[], number[]]
  return dot(ra, rb) / Math.sqrt(dot(ra, ra) * dot(rb, rb))
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)

/** From 0. */
function ranksOf(column: readonly number[]): number[] {
  const sorted = column.toSorted((a, b) => a - b)
  return column.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2)
}
