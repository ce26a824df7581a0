import { type HealthRule, RISE_OVER, type SeriesName } from '@kantor/contracts'

type Values = readonly (number | null)[]
/** The newest values of series, oldest first; null is not finite. */
export type Windows = Readonly<Partial<Record<SeriesName, Values>>>

/** Whether a rule's condition is met; never while there are fewer values than it looks at. */
export function holds(rule: HealthRule, windows: Windows): boolean {
  const { above = Infinity, below = -Infinity } = rule
  const figure = figureOf(rule, windows)
  return figure !== null && (figure > above || figure < below)
}

/** How many of a series' newest values a rule looks at. */
export function sizesOf({ signal, of, window, over }: HealthRule): [SeriesName, number][] {
  const own: [SeriesName, number] = [signal, of === 'rise' ? window + RISE_OVER : window]
  return over ? [own, [over.signal, over.window]] : [own]
}

function figureOf({ signal, of, window, over }: HealthRule, windows: Windows): number | null {
  const values = windows[signal] ?? []
  const newest = values.slice(-window)
  if (newest.length < window) return null
  if (of === 'bad') return newest.filter((value) => value === null).length
  const now = median(newest)
  if (of === 'median' || now === null) return now
  if (of === 'ratio') return over ? quotient(Math.abs(now), medianSize(windows[over.signal] ?? [], over.window)) : null
  const earlier = values.slice(-window - RISE_OVER, -RISE_OVER)
  return quotient(now, earlier.length < window ? null : median(earlier))
}

/** None over nothing, or over less: a ratio to it says nothing. */
const quotient = (value: number, by: number | null): number | null => (by === null || by <= 0 ? null : value / by)

function medianSize(values: Values, window: number): number | null {
  const newest = values.slice(-window)
  return newest.length < window ? null : median(newest.map((value) => (value === null ? null : Math.abs(value))))
}

/** Of the finite ones. */
function median(values: Values): number | null {
  const sorted = values.filter((value) => value !== null).toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  if (sorted.length === 0) return null
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}
