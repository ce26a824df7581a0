import type { SeriesName } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from '../database.js'
import { CHUNK } from './geometry.js'
import type { Segment } from './segment.js'
import { readSegments, widen } from './segments.js'

/** One point as it was written; a series that its writer did not know is not in `values`. */
export interface StoredPoint {
  attempt: number
  step: number
  criticStep: number
  /** When it was written, in milliseconds on the database's clock; NaN where nobody noted it. */
  time: number
  values: Map<SeriesName, number>
}

/** The newest effective points up to a step, oldest first. */
export async function readNewest(
  tx: Transaction,
  jobId: string,
  names: readonly SeriesName[],
  { limit, upTo = 2 ** 31 - CHUNK }: { limit: number; upTo?: number },
): Promise<StoredPoint[]> {
  const span = { first: upTo + 1, last: upTo + 1 }
  const { first } = await widen(tx, jobId, span, { before: limit, after: 0 })
  const points = toPoints(await readSegments(tx, jobId, names, [{ first, last: upTo }]))
  return points.filter(({ step }) => step <= upTo).slice(-limit)
}

/** Chunks that one statement reads. */
const AT_ONCE = 16

/**
 * Every point of a curve in the order of steps, a few thousand at a time, from one snapshot: the effective ones, or those of all attempts.
 * AppError `dependency-unavailable`.
 */
export async function eachPoint(
  db: Database,
  jobId: string,
  { names, attempts }: { names: readonly SeriesName[]; attempts: 'effective' | 'all' },
  take: (points: StoredPoint[]) => Promise<void> | void,
): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      let from = 0
      for (;;) {
        const { rows } = await tx.query<{ next: number | null }>(
          'SELECT min(first_step) AS next FROM curve_segment WHERE job_id = $1 AND first_step >= $2',
          [jobId, from],
        )
        if (rows[0]!.next === null) return
        const first = Math.floor(rows[0]!.next / CHUNK) * CHUNK
        const spans = [{ first, last: first + AT_ONCE * CHUNK - 1 }]
        const shown = await readSegments(tx, jobId, names, spans)
        const gone = attempts === 'all' ? await readSegments(tx, jobId, names, spans, false) : []
        await take(toPoints([...shown, ...gone]))
        from = first + AT_ONCE * CHUNK
      }
    },
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  )
}

/**
 * The points of the next chunk that has any, from a step on: effective ones, or those that gave way; `next` is where to go on, null at the end. For readers that take long:
 * nothing is held between two calls, and a job that trains meanwhile is told of as it is at each. AppError `dependency-unavailable`.
 */
export async function readPointsFrom(
  db: Database,
  jobId: string,
  names: readonly SeriesName[],
  from: number,
  effective = true,
): Promise<{ points: StoredPoint[]; next: number | null }> {
  return transaction(
    db,
    async (tx) => {
      const { rows } = await tx.query<{ first: number | null }>(
        'SELECT min(first_step) AS first FROM curve_segment WHERE job_id = $1 AND first_step >= $2 AND effective = $3',
        [jobId, from, effective],
      )
      if (rows[0]!.first === null) return { points: [], next: null }
      const first = Math.floor(rows[0]!.first / CHUNK) * CHUNK
      const segments = await readSegments(tx, jobId, names, [{ first, last: first + CHUNK - 1 }], effective)
      return { points: toPoints(segments), next: first + CHUNK }
    },
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  )
}

function toPoints(segments: Segment[]): StoredPoint[] {
  const points = segments.flatMap((segment) => {
    const own = Array.from(segment.steps, (step, i) => ({
      attempt: segment.epoch,
      step,
      criticStep: segment.criticSteps[i]!,
      time: segment.times[i]!,
      values: new Map([...segment.values].map(([name, column]) => [name as SeriesName, column[i]!])),
    }))
    for (const [name, { at, values }] of segment.sparse) {
      for (const [i, place] of at.entries()) own[place]!.values.set(name as SeriesName, values[i]!)
    }
    return own
  })
  return points.sort((a, b) => a.step - b.step || a.attempt - b.attempt)
}
