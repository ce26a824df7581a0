// Where a bucket lies on an axis other than generator steps: at its newest point.
import type { CurveAxis } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import type { Axis } from './nodes.js'
import { bucketStart } from './range.js'
import { lowerBound } from './segment.js'

/** From critic steps done and the time of a point (milliseconds; NaN where nobody noted it) to its place; null where there is none. */
type Place = (criticStep: number, time: number) => number | null

/** What is shown beside bucket `x`; null for generator steps, which need no other column. */
export async function placeOn(
  tx: Transaction,
  jobId: string,
  of: CurveAxis,
  { axis, resolution, startedAt }: { axis: Axis; resolution: number; startedAt: number | null },
): Promise<((x: number) => number | null) | null> {
  if (of === 'gen_step') return null
  const place = await places[of](tx, jobId, startedAt)
  return (x) => {
    const i = lowerBound(axis.x.subarray(0, axis.length), bucketStart(x, resolution))
    if (i >= axis.length || axis.x[i] !== bucketStart(x, resolution)) return null
    return place(axis.criticStep[i]!, axis.time[i]!)
  }
}

const places: Record<
  Exclude<CurveAxis, 'gen_step'>,
  (tx: Transaction, jobId: string, startedAt: number | null) => Place | Promise<Place>
> = {
  critic_step: () => (criticStep) => criticStep,
  kimg: async (tx, jobId) => {
    const { rows } = await tx.query<{ size: number }>(
      `SELECT (spec->>'batchSize')::int AS size FROM job WHERE id = $1`,
      [jobId],
    )
    return (criticStep) => (criticStep * rows[0]!.size) / 1000
  },
  wall: (_tx, _jobId, startedAt) => (_criticStep, time) =>
    Number.isNaN(time) || startedAt === null ? null : Math.max(0, time - startedAt) / 1000,
  gpu_s: async (tx, jobId) => {
    const { rows: attempts } = await tx.query<{ from: number; to: number | null }>(
      `SELECT (extract(epoch FROM started_at) * 1000)::float8 AS "from", (extract(epoch FROM ended_at) * 1000)::float8 AS "to"
       FROM attempt WHERE job_id = $1 ORDER BY epoch`,
      [jobId],
    )
    return (_criticStep, time) =>
      Number.isNaN(time)
        ? null
        : attempts.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(time, to ?? Infinity) - from), 0) / 1000
  },
}
