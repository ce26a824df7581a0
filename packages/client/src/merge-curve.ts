import { type CurveReply, type CurveSeries, CurveSeriesName } from '@kantor/contracts'

type Columns = Required<Omit<CurveSeries, 'nonFinite'>>
type NonFinite = NonNullable<CurveSeries['nonFinite']>
const columnNames = [
  'x',
  'last',
  'min',
  'max',
  'mean',
  'n',
  'bad',
  'smooth',
  'at',
  'floor',
] as const satisfies (keyof CurveSeries)[]

/**
 * What a reader holds after a reply: the reply itself at first, later the buckets held with those of the reply laid over them by `x`.
 * A reset drops held buckets from its step on; another resolution drops all of them. Marks come whole with every reply. Neither argument is changed.
 */
export function mergeCurve(held: CurveReply | null, reply: CurveReply): CurveReply {
  if (held === null || held.resolution !== reply.resolution || held.jobId !== reply.jobId) return reply
  const keepBelow = reply.reset?.fromStep ?? Infinity
  const series: Partial<Record<CurveSeriesName, CurveSeries>> = {}
  for (const name of CurveSeriesName.options) {
    const before = held.series[name]
    const after = reply.series[name]
    const merged = mergeSeries(before && cut(before, keepBelow), after)
    if (merged !== undefined) series[name] = merged
  }
  return { ...reply, reset: null, series }
}

function mergeSeries(before: CurveSeries | undefined, after: CurveSeries | undefined): CurveSeries | undefined {
  if (before === undefined || after === undefined) return after ?? before
  // Nearly every reply touches only the end of the curve: buckets before its first one are taken over in one piece.
  const from = lowerBound(before.x, after.x[0] ?? Infinity)
  const head = slice(before, 0, from)
  const tail = slice(before, from, before.x.length)
  return overlay(head, tail, after)
}

/** `head` followed by `tail` and `over` merged in order of x; where both have a bucket, the one of `over` counts. */
function overlay(head: CurveSeries, tail: CurveSeries, over: CurveSeries): CurveSeries {
  const order: [CurveSeries, number][] = []
  let i = 0
  let j = 0
  while (i < tail.x.length || j < over.x.length) {
    const xTail = tail.x[i] ?? Infinity
    const xOver = over.x[j] ?? Infinity
    if (xOver <= xTail) order.push([over, j++])
    else order.push([tail, i])
    if (xTail <= xOver) i++
  }
  const result: Record<string, unknown[]> = {}
  for (const name of columnNames) {
    if (over[name] === undefined && head[name] === undefined) continue
    if ((over[name]?.length ?? 0) === 0 && (head[name]?.length ?? 0) === 0 && (tail[name]?.length ?? 0) === 0) {
      result[name] = []
      continue
    }
    const rest = order.map(([source, index]) => source[name]?.[index] ?? null)
    const start: unknown[] = head[name] ?? head.x.map(() => null)
    result[name] = [...start, ...rest]
  }
  const nonFinite = overlayKinds([...(head.nonFinite ?? []), ...(tail.nonFinite ?? [])], over)
  return { ...result, ...(nonFinite.length > 0 && { nonFinite }) } as unknown as CurveSeries
}

/** Of a bucket that the reply has, the reply tells. */
function overlayKinds(held: NonFinite, over: CurveSeries): NonFinite {
  const replaced = new Set(over.x)
  const kept = held.filter(({ x }) => !replaced.has(x))
  return [...kept, ...(over.nonFinite ?? [])].sort((a, b) => a.x - b.x)
}

const cut = (series: CurveSeries, below: number): CurveSeries =>
  below === Infinity ? series : slice(series, 0, lowerBound(series.x, below))

function slice(series: CurveSeries, from: number, to: number): CurveSeries {
  const entries = columnNames.flatMap((name) => {
    const column = series[name]
    return column === undefined ? [] : [[name, column.slice(from, to)]]
  })
  const [first, last] = [series.x[from] ?? Infinity, series.x[to - 1] ?? -Infinity]
  const nonFinite = series.nonFinite?.filter(({ x }) => x >= first && x <= last)
  return { ...(Object.fromEntries(entries) as Columns), ...(nonFinite && { nonFinite }) }
}

/** Index of the first entry that is not below `value`, in ascending `xs`. */
function lowerBound(xs: readonly number[], value: number): number {
  let low = 0
  let high = xs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (xs[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
