import {
  AppError,
  CurveMark,
  type CurveQuery,
  type CurveReply,
  isMetricSeries,
  isTerminal,
  type JobState,
  type SeriesName,
} from '@kantor/contracts'
import { type Database, query as ask, transaction, type Transaction } from '../database.js'
import { placeOn } from './axes.js'
import { readBuckets, type SeriesBuckets } from './buckets.js'
import { type Filter, filterOf } from './filter.js'
import { CHUNK, chunkOf } from './geometry.js'
import { bucketStart, chooseRange, type CurveRange, type Span, toSpans, withTail } from './range.js'
import { CANDIDATES, pickPoints } from './lttb.js'
import { lowerBound } from './segment.js'
import { readMetricSeries } from '../metrics.js'
import { readSegments, widen } from './segments.js'
import { readSuperseded } from './superseded.js'
import { toSeries } from './to-series.js'

/** Raw points that a filter may have to look at. */
const MAX_RAW_POINTS = 1_000_000

/** One snapshot for all statements of a reply. */
const snapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** What a reader may already have: `seq` moves with all that changes a reply, but for the job's end. AppError `not-found`. */
export async function curveVersion(db: Database, jobId: string): Promise<{ seq: number; complete: boolean }> {
  const rows = await ask<{ seq: string; state: JobState }>(
    db,
    'SELECT curve_seq AS seq, state FROM job WHERE id = $1',
    [jobId],
  )
  if (!rows[0]) throw noJob(jobId)
  return { seq: Number(rows[0].seq), complete: isTerminal(rows[0].state) }
}

const noJob = (jobId: string) => new AppError('not-found', `there is no job ${jobId}`)

/**
 * The curve in buckets, or its points. With `sinceSeq` and the `resolution` that the client holds, only buckets whose
 * content may have changed since: merged by x, after dropping those from `reset.fromStep` on, they give what one full read
 * gives. `marks` is always the whole list, one per type, message and bucket. AppError `not-found`, `too-many-points`.
 */
export async function readCurve(db: Database, jobId: string, query: CurveQuery): Promise<CurveReply> {
  return transaction(db, (tx) => read(tx, jobId, query), snapshot)
}

/** The same of several jobs at one moment and at one resolution, the finest that fits all of them. */
export async function readCurves(db: Database, jobIds: readonly string[], query: CurveQuery): Promise<CurveReply[]> {
  return transaction(
    db,
    async (tx) => {
      const facts = []
      for (const id of jobIds) facts.push(await factsOf(tx, id))
      const lastStep = facts.reduce((highest, job) => Math.max(highest, job.lastStep), 0)
      const { resolution } = chooseRange(query, lastStep)
      const replies = []
      for (const id of jobIds) replies.push(await read(tx, id, { ...query, resolution }))
      return replies
    },
    snapshot,
  )
}

interface CurveFacts {
  state: JobState
  seq: number
  lastStep: number
  closed: number
  /** Milliseconds; null before its first claim. */
  startedAt: number | null
}

async function factsOf(tx: Transaction, jobId: string): Promise<CurveFacts> {
  const { rows } = await tx.query<CurveFacts>({
    name: 'curve-facts',
    text: `SELECT state, curve_seq::float8 AS seq, curve_last_step AS "lastStep", curve_closed AS closed,
       (extract(epoch FROM started_at) * 1000)::float8 AS "startedAt" FROM job WHERE id = $1`,
    values: [jobId],
  })
  if (!rows[0]) throw noJob(jobId)
  return rows[0]
}

async function read(tx: Transaction, jobId: string, query: CurveQuery): Promise<CurveReply> {
  const job = await factsOf(tx, jobId)
  const { agg } = query
  const names = query.metrics.filter((name): name is SeriesName => !isMetricSeries(name))
  const measured = query.metrics.filter(isMetricSeries)
  const range = await rangeOf(tx, jobId, query, job.lastStep)
  const filter = query.smooth === null ? null : filterOf(query.smooth)
  if (filter !== null && !filter.stored) await assertFewPoints(tx, jobId, range)
  const { reset, spans } = await select(tx, jobId, query, { range, filter, seq: job.seq })
  const { resolution } = range
  const { series, axis } = await readBuckets(tx, jobId, {
    names,
    resolution,
    spans,
    closed: job.closed,
    filter,
    withAxis: query.x !== 'gen_step',
  })
  const place = await placeOn(tx, jobId, query.x, { axis, resolution, startedAt: job.startedAt })
  const shown = ({ nodes, points }: SeriesBuckets) =>
    agg === 'lttb' ? { nodes: pickPoints(nodes, resolution, query.maxPoints), points } : { nodes, points }
  const options = { agg, filter, place }
  return {
    jobId,
    x: query.x,
    resolution,
    seq: job.seq,
    complete: isTerminal(job.state),
    reset,
    series: {
      ...Object.fromEntries([...series].map(([name, found]) => [name, toSeries(shown(found), options)])),
      ...(measured.length > 0 && (await readMetricSeries(tx, jobId, measured, range))),
    },
    ...(query.attempts === 'all' && { superseded: await readSuperseded(tx, jobId, { names, range, options }) }),
    marks: await readMarks(tx, jobId, { ...range, first: query.from ?? 0 }),
  }
}

/** `agg=none` has no buckets, and `lttb` chooses among more of them than it shows. */
async function rangeOf(tx: Transaction, jobId: string, query: CurveQuery, lastStep: number): Promise<CurveRange> {
  if (query.agg === 'lttb') return chooseRange({ ...query, maxPoints: query.maxPoints * CANDIDATES }, lastStep)
  if (query.agg !== 'none') return chooseRange(query, lastStep)
  const range = { first: query.from ?? 1, last: Math.min(query.to ?? lastStep, lastStep), resolution: 1 }
  // At most one point per step: a range that is short enough needs no counting.
  if (range.last - range.first < query.maxPoints) return range
  if ((await countPoints(tx, jobId, range)) <= query.maxPoints) return range
  throw tooMany(
    `agg=none gives ${query.maxPoints} points at most (maxPoints, up to 5000): narrow from and to, or ask for buckets`,
  )
}

const tooMany = (detail: string) =>
  new AppError('too-many-points', detail, {
    errors: ['from', 'to'].map((pointer) => ({
      pointer,
      code: 'out-of-range',
      message: 'the range holds too many points',
    })),
  })

/** Points of the range; a chunk at its edge is counted exactly. */
async function countPoints(tx: Transaction, jobId: string, { first, last }: CurveRange): Promise<number> {
  const edges = await readSegments(
    tx,
    jobId,
    [],
    [
      { first, last: first },
      { first: last, last },
    ],
  )
  const counted = edges.reduce((sum, { steps }) => sum + lowerBound(steps, last + 1) - lowerBound(steps, first), 0)
  const { rows } = await tx.query<{ points: number }>(
    `SELECT coalesce(sum(num_points), 0)::int AS points FROM curve_segment
     WHERE job_id = $1 AND effective AND first_step >= $2 AND first_step < $3`,
    [jobId, (chunkOf(first) + 1) * CHUNK, chunkOf(last) * CHUNK],
  )
  return counted + rows[0]!.points
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
  // Points that were chosen anew, another resolution, or a cursor that this database never gave out: the client starts anew.
  if (query.resolution !== range.resolution || query.sinceSeq > seq) return { reset: { fromStep: 0 }, spans: all }
  if (query.sinceSeq === seq) return { reset: null, spans: [] }
  if (query.agg === 'lttb') return { reset: { fromStep: 0 }, spans: all }

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
  if ((await countPoints(tx, jobId, range)) <= MAX_RAW_POINTS) return
  throw tooMany(
    `only median:101 is kept for a whole curve; any other filter looks at ${MAX_RAW_POINTS} raw points at most: narrow from and to`,
  )
}

/** The first mark of each type and message in each bucket; step 0 has a sample and no point. */
async function readMarks(tx: Transaction, jobId: string, range: CurveRange): Promise<CurveMark[]> {
  const { rows } = await tx.query<Omit<CurveMark, 'message'> & { message: string | null }>({
    name: 'curve-marks',
    text: `SELECT DISTINCT ON (type, step / $4::int, message) type, step, message FROM (
       SELECT 'checkpoint' AS type, step, NULL AS message FROM checkpoint WHERE job_id = $1 AND NOT quarantined
       UNION ALL SELECT 'sample', step, NULL FROM sample WHERE job_id = $1 AND effective
       UNION ALL SELECT 'rollback', after_step, NULL FROM curve_rollback WHERE job_id = $1
       UNION ALL SELECT kind, step, message FROM curve_mark WHERE job_id = $1 AND effective
       UNION ALL SELECT 'alert', step, message FROM job_event WHERE job_id = $1 AND reason = 'alert_fired'
     ) AS mark WHERE step BETWEEN $2 AND $3 ORDER BY type, step / $4::int, message, step`,
    values: [jobId, range.first, range.last, range.resolution],
  })
  const marks = rows.map(({ message, ...mark }) => CurveMark.parse(message === null ? mark : { ...mark, message }))
  return marks.sort((a, b) => a.step - b.step || a.type.localeCompare(b.type))
}
