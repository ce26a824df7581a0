import { AppError, CurveMark, type CurveQuery, type CurveReply, isTerminal, type JobState } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from '../database.js'
import { readBuckets, toSeries } from './buckets.js'
import { type Filter, filterOf } from './filter.js'
import { bucketStart, chooseRange, type CurveRange, type Span, toSpans, withTail } from './range.js'
import { lowerBound } from './segment.js'
import { readSegments, widen } from './segments.js'

/** Raw points that a filter may have to look at. */
const MAX_RAW_POINTS = 1_000_000

/** One snapshot for all statements of a reply. */
const snapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

/**
 * The curve in buckets, each aggregated from its raw points. With `sinceSeq` and the `resolution` that the client holds, only buckets whose
 * content may have changed since: merged by x, after dropping those from `reset.fromStep` on, they give what one full read
 * gives. `marks` is always the whole list, one per type and bucket. AppError `not-found`, `too-many-points`.
 */
export async function readCurve(db: Database, jobId: string, query: CurveQuery): Promise<CurveReply> {
  return transaction(db, (tx) => read(tx, jobId, query), snapshot)
}

async function read(tx: Transaction, jobId: string, query: CurveQuery): Promise<CurveReply> {
  const { rows } = await tx.query<{ state: JobState; seq: string; lastStep: number; closed: number }>(
    'SELECT state, curve_seq AS seq, curve_last_step AS "lastStep", curve_closed AS closed FROM job WHERE id = $1',
    [jobId],
  )
  const job = rows[0]
  if (!job) throw new AppError('not-found', `there is no job ${jobId}`)

  const seq = Number(job.seq)
  const range = chooseRange(query, job.lastStep)
  const filter = query.smooth === null ? null : filterOf(query.smooth)
  if (filter !== null && !filter.stored) await assertFewPoints(tx, jobId, range)
  const { reset, spans } = await select(tx, jobId, query, { range, filter, seq })
  const { resolution } = range
  const request = { names: query.metrics, resolution, spans, closed: job.closed, filter }
  const buckets = await readBuckets(tx, jobId, request)
  return {
    jobId,
    x: 'generator_step',
    resolution,
    seq,
    complete: isTerminal(job.state),
    reset,
    series: Object.fromEntries([...buckets].map(([name, found]) => [name, toSeries(found, filter)])),
    marks: await readMarks(tx, jobId, { ...range, first: query.from ?? 0 }),
  }
}

interface Selection {
  reset: CurveReply['reset']
  spans: Span[]
}

async function select(
  tx: Transaction,
  jobId: string,
  query: CurveQuery,
  { range, filter, seq }: { range: CurveRange; filter: Filter | null; seq: number },
): Promise<Selection> {
  // There is no step 0: without it the first bucket would be a cut one.
  const first = range.first === 1 ? 0 : range.first
  const all = range.first > range.last ? [] : [{ first, last: range.last }]
  if (query.sinceSeq === undefined) return { reset: null, spans: all }
  // Another resolution, or a cursor that this database never gave out: the client starts anew.
  if (query.resolution !== range.resolution || query.sinceSeq > seq) return { reset: { fromStep: 0 }, spans: all }
  if (query.sinceSeq === seq) return { reset: null, spans: [] }

  const changed = await changesSince(tx, jobId, query.sinceSeq, range)
  const spans = toSpans(changed.buckets, range)
  const reset =
    changed.rolledBackTo === null ? null : { fromStep: bucketStart(changed.rolledBackTo + 1, range.resolution) }
  const tail = [reset?.fromStep, await firstFilteredAnew(tx, jobId, filter, changed)]
  return {
    reset,
    spans: tail.reduce<Span[]>((held, step) => (step === undefined ? held : withTail(held, step, range)), spans),
  }
}

interface Changes {
  buckets: Set<number>
  /** Lowest step, in the range or not, at which a point came or went; null without any. */
  firstStep: number | null
  rolledBackTo: number | null
}

async function changesSince(tx: Transaction, jobId: string, since: number, range: CurveRange): Promise<Changes> {
  const { rows } = await tx.query<{ first: number; last: number }>(
    `SELECT first_step AS first, last_step AS last FROM curve_segment
     WHERE job_id = $1 AND seq > $2 AND effective ORDER BY first_step`,
    [jobId, since],
  )
  const rollbacks = await tx.query<{ step: number | null }>(
    'SELECT min(after_step) AS step FROM curve_rollback WHERE job_id = $1 AND seq > $2',
    [jobId, since],
  )
  const rolledBackTo = rollbacks.rows[0]?.step ?? null
  const firsts = rows.slice(0, 1).map(({ first }) => first)
  if (rolledBackTo !== null) firsts.push(rolledBackTo + 1)
  return { buckets: bucketsOf(rows, range), firstStep: firsts.length === 0 ? null : Math.min(...firsts), rolledBackTo }
}

/** The buckets of the range that these spans touch. */
function bucketsOf(spans: Span[], range: CurveRange): Set<number> {
  const buckets = new Set<number>()
  for (const span of spans) {
    const last = Math.min(span.last, range.last)
    const first = Math.floor(Math.max(span.first, range.first) / range.resolution)
    for (let bucket = first; bucket * range.resolution <= last; bucket++) buckets.add(bucket)
  }
  return buckets
}

/** A filter's value changes when a point that it looks at does: the step as many points before the first change as it looks ahead. */
async function firstFilteredAnew(
  tx: Transaction,
  jobId: string,
  filter: Filter | null,
  { firstStep }: Changes,
): Promise<number | undefined> {
  if (filter === null || firstStep === null) return undefined
  const wide = await widen(tx, jobId, { first: firstStep, last: firstStep }, { before: filter.after, after: 0 })
  const steps = (await readSegments(tx, jobId, [], [wide])).flatMap((segment) => [...segment.steps])
  steps.sort((a, b) => a - b)
  return steps[Math.max(0, lowerBound(steps, firstStep) - filter.after)] ?? firstStep
}

async function assertFewPoints(tx: Transaction, jobId: string, range: CurveRange): Promise<void> {
  // There is at most one point per step, so most ranges need no counting.
  if (range.last - range.first < MAX_RAW_POINTS) return
  const { rows } = await tx.query<{ points: number }>(
    `SELECT coalesce(sum(num_points), 0)::int AS points FROM curve_segment
     WHERE job_id = $1 AND effective AND first_step >= $2 AND last_step <= $3`,
    [jobId, range.first, range.last],
  )
  if (rows[0]!.points <= MAX_RAW_POINTS) return
  throw new AppError(
    'too-many-points',
    `only median:101 is kept for a whole curve; any other filter looks at ${MAX_RAW_POINTS} raw points at most: narrow from and to`,
  )
}

/** The first mark of each type in each bucket; step 0 has a sample and no point. */
async function readMarks(tx: Transaction, jobId: string, range: CurveRange): Promise<CurveMark[]> {
  const { rows } = await tx.query<CurveMark>(
    `SELECT type, min(step) AS step FROM (
       SELECT 'checkpoint' AS type, step FROM checkpoint WHERE job_id = $1 AND NOT quarantined
       UNION ALL SELECT 'sample', step FROM sample WHERE job_id = $1 AND effective
       UNION ALL SELECT 'rollback', after_step FROM curve_rollback WHERE job_id = $1
     ) AS mark WHERE step BETWEEN $2 AND $3 GROUP BY type, step / $4::int`,
    [jobId, range.first, range.last, range.resolution],
  )
  return rows.map((row) => CurveMark.parse(row)).sort((a, b) => a.step - b.step || a.type.localeCompare(b.type))
}
