import { type HealthRule, RISE_OVER } from '@kantor/contracts'

type Values = readonly (number | null)[]

/** Whether a rule's condition is met by a series' newest values, oldest first; never while there are fewer than it looks at. */
export function holds({ of, window, above = Infinity, below = -Infinity }: HealthRule, values: Values): boolean {
  const figure = figureOf(of, window, values)
  return figure !== null && (figure > above || figure < below)
}

function figureOf(of: HealthRule['of'], window: number, values: Values): number | null {
  const newest = values.slice(-window)
  if (newest.length < window) return null
  if (of === 'bad') return newest.filter((value) => value === null).length
  const now = median(newest)
  if (of === 'median') return now
  const earlier = values.slice(-window - RISE_OVER, -RISE_OVER)
  const before = earlier.length < window ? null : median(earlier)
  // A rise from nothing, or from below it, is none that a ratio can tell.
  return now === null || before === null || before <= 0 ? null : now / before
}

/** Of the finite ones. */
function median(values: Values): number | null {
  const sorted = values.filter((value) => value !== null).toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  if (sorted.length === 0) return null
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}
