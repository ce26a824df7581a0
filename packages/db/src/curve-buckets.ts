import { type CurveSeries, type SeriesName, toWire } from '@kantor/contracts'
import type { Span } from './curve-range.js'
import type { Transaction } from './database.js'

export interface Buckets {
  /** Step of the newest point of each bucket, ascending. */
  lastSteps: number[]
  series: Partial<Record<SeriesName, CurveSeries>>
}

// NaN sorts above infinity in Postgres, so both bounds together say "finite".
const finite = (value: string) => `${value} > '-Infinity' AND ${value} < 'Infinity'`

const aggregates = (name: SeriesName) => `
  min(${name}) FILTER (WHERE ${finite(name)})::float8 AS ${name}_min,
  max(${name}) FILTER (WHERE ${finite(name)})::float8 AS ${name}_max,
  avg(${name}) FILTER (WHERE ${finite(name)}) AS ${name}_mean,
  (count(*) FILTER (WHERE ${finite(name)}))::int AS ${name}_n`

/** Columns per series in the row that `readBuckets` asks for, after the leading ones. */
const LEADING = 3
const PER_SERIES = 5

// A mean of equal numbers may miss them by a rounding: it is kept between the extremes.
const selected = (name: SeriesName) =>
  `point.${name}::float8, ${name}_min, ${name}_max, least(greatest(${name}_mean, ${name}_min), ${name}_max), ${name}_n`

/**
 * Aggregates the effective points of these spans into buckets. Points reach each sum in order of their step (the sub-select's order, kept
 * because the session neither sorts again nor runs it in parallel), so that a bucket read twice has the same mean to the last bit.
 */
export async function readBuckets(
  tx: Transaction,
  jobId: string,
  names: readonly SeriesName[],
  resolution: number,
  spans: Span[],
): Promise<Buckets> {
  const { rows } = await tx.query<unknown[]>({
    rowMode: 'array',
    text: `WITH bucket AS (
        SELECT step / $2::int AS bucket, max(step) AS last_step, count(*)::int AS points, ${names.map(aggregates).join(', ')}
        FROM unnest($3::int[], $4::int[]) AS span(first, last) CROSS JOIN LATERAL (
          SELECT step, ${names.join(', ')} FROM curve_point
          WHERE job_id = $1 AND effective AND step BETWEEN span.first AND span.last ORDER BY step
        ) AS point
        GROUP BY step / $2::int
      )
      SELECT bucket, last_step, points, ${names.map(selected).join(', ')}
      FROM bucket JOIN curve_point AS point ON point.job_id = $1 AND point.effective AND point.step = bucket.last_step`,
    values: [jobId, resolution, spans.map((span) => span.first), spans.map((span) => span.last)],
  })
  const sorted = (rows as number[][]).sort((a, b) => a[0]! - b[0]!)
  const x = sorted.map((row) => row[0]! * resolution)
  const points = sorted.map((row) => row[2]!)
  const series = names.map((name, index): [SeriesName, CurveSeries] => {
    const column = <T>(offset: number) => sorted.map((row) => row[LEADING + index * PER_SERIES + offset] as T)
    const n = column<number>(4)
    return [
      name,
      {
        x,
        last: column<number>(0).map(toWire),
        min: column<number | null>(1),
        max: column<number | null>(2),
        mean: column<number | null>(3),
        n,
        bad: n.map((count, i) => points[i]! - count),
      },
    ]
  })
  return { lastSteps: sorted.map((row) => row[1]!), series: Object.fromEntries(series) }
}

/**
 * The median of the finite values among `window` raw points around each step of `steps`: as many on either side as there are,
 * up to half the window. The mean of the two middle ones when their number is even; null when none is finite.
 */
export async function readMedians(
  tx: Transaction,
  jobId: string,
  name: SeriesName,
  window: number,
  steps: number[],
): Promise<(number | null)[]> {
  const points = `SELECT ${name} AS value FROM curve_point WHERE job_id = $1 AND effective AND step`
  const { rows } = await tx.query<{ step: number; median: number | null }>(
    `SELECT center.step, (
       SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8) FILTER (WHERE ${finite('value')}) FROM (
         (${points} <= center.step ORDER BY step DESC LIMIT $3::int + 1)
         UNION ALL (${points} > center.step ORDER BY step LIMIT $3::int)
       ) AS around
     ) AS median FROM unnest($2::int[]) AS center(step)`,
    [jobId, steps, (window - 1) / 2],
  )
  const medians = new Map(rows.map((row) => [row.step, row.median]))
  return steps.map((step) => medians.get(step) ?? null)
}
