import { AppError, type CurveReply, type SeriesName } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import type { CurveRange } from './range.js'
import { pointNodes } from './pyramid.js'
import { columnOf, grouped } from './segment.js'
import { readSegments } from './segments.js'
import { type SeriesOptions, toSeries } from './to-series.js'

/** Points that gave way are not rolled up: they are read as they are. */
const MAX_POINTS = 1_000_000

interface Request {
  names: readonly SeriesName[]
  range: CurveRange
  options: SeriesOptions
}

/** What gave way to later attempts, in the same buckets, by the attempt that wrote it. AppError `too-many-points`. */
export async function readSuperseded(
  tx: Transaction,
  jobId: string,
  { names, range, options }: Request,
): Promise<NonNullable<CurveReply['superseded']>> {
  const { rows } = await tx.query<{ points: number }>(
    `SELECT coalesce(sum(num_points), 0)::int AS points FROM curve_segment
     WHERE job_id = $1 AND NOT effective AND first_step <= $3 AND last_step >= $2`,
    [jobId, range.first, range.last],
  )
  if (rows[0]!.points > MAX_POINTS) {
    const detail = `attempts=all looks at ${MAX_POINTS} superseded points at most: narrow from and to`
    const message = 'the range holds too many superseded points'
    throw new AppError('too-many-points', detail, {
      errors: ['from', 'to'].map((pointer) => ({ pointer, code: 'out-of-range', message })),
    })
  }
  const segments = range.first > range.last ? [] : await readSegments(tx, jobId, names, [range], false)
  const agg = options.agg === 'lttb' ? 'none' : options.agg
  return [...grouped(segments, ({ epoch }) => epoch)]
    .sort(([a], [b]) => a - b)
    .map(([attempt, written]) => {
      const series = names.map((name) => {
        const points = columnOf(written, name)
        const nodes = pointNodes(points, [range], range.resolution)
        return [name, toSeries({ nodes, points }, { agg, filter: null, place: null })]
      })
      return { attempt, series: Object.fromEntries(series) }
    })
}
