/** A shorter series of critic steps says nothing: its first and last steps would be the same. */
const SHORTEST = 20
const COUNTED = 5

/**
 * How far the critic was from its best before a burst: 1 − mean of its first five estimates / mean of its last five. Near 0 for a critic that
 * tracks the generator; undefined for a short series, or when the estimate did not end above 0.
 */
export function optimalityGap(estimates: readonly number[]): number | undefined {
  if (estimates.length < SHORTEST) return undefined
  const last = mean(estimates.slice(-COUNTED))
  return last > 0 ? 1 - mean(estimates.slice(0, COUNTED)) / last : undefined
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
