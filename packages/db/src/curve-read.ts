import { AppError, CurveMark, type CurveQuery, type CurveReply, isTerminal, type JobState } from '@kantor/contracts'
import { readBuckets, readMedians } from './curve-buckets.js'
import { bucketStart, chooseRange, type CurveRange, type Span, toSpans, withTail } from './curve-range.js'
import { type Database, transaction, type Transaction } from './database.js'

/** Raw points that a median may have to look at. */
const MAX_RAW_POINTS = 1_000_000
/** The series that `smooth` filters: the authors filter their Wasserstein estimate and nothing else. */
const SMOOTHED = 'w_estimate'

// One snapshot for all statements of a reply; the planner keeps points in the order of their steps.
const snapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL enable_sort = off; SET LOCAL max_parallel_workers_per_gather = 0`

/**
 * The curve in buckets, each aggregated from its raw points. With `sinceSeq` and the `resolution` that the client holds, only buckets whose
 * content may have changed since: merged by x, after dropping those from `reset.fromStep` on, they give what one full read
 * gives. `marks` is always the whole list, one per type and bucket. AppError `not-found`, `too-many-points`.
 */
export async function readCurve(db: Database, jobId: string, query: CurveQuery): Promise<CurveReply> {
  return transaction(db, (tx) => read(tx, jobId, query), snapshot)
}

async function read(tx: Transaction, jobId: string, query: CurveQuery): Promise<CurveReply> {
  const { rows } = await tx.query<{ state: JobState; seq: string; lastStep: number }>(
    'SELECT state, curve_seq AS seq, curve_last_step AS "lastStep" FROM job WHERE id = $1',
    [jobId],
  )
  const job = rows[0]
  if (!job) throw new AppError('not-found', `there is no job ${jobId}`)

  const seq = Number(job.seq)
  const range = chooseRange(query, job.lastStep)
  if (query.smooth !== null) await assertFewPoints(tx, jobId, range)
  const { reset, spans } = await select(tx, jobId, query, range, seq)
  const { series, lastSteps } = await readBuckets(tx, jobId, query.metrics, range.resolution, spans)
  const smoothed = series[SMOOTHED]
  if (query.smooth !== null && smoothed) {
    smoothed.smooth = await readMedians(tx, jobId, SMOOTHED, query.smooth, lastSteps)
  }
  return {
    jobId,
    x: 'generator_step',
    resolution: range.resolution,
    seq,
    complete: isTerminal(job.state),
    reset,
    series,
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
  range: CurveRange,
  seq: number,
): Promise<Selection> {
  const all = withTail([], range.first, range)
  if (query.sinceSeq === undefined) return { reset: null, spans: all }
  // Another resolution, or a cursor that this database never gave out: the client starts anew.
  if (query.resolution !== range.resolution || query.sinceSeq > seq) return { reset: { fromStep: 0 }, spans: all }
  if (query.sinceSeq === seq) return { reset: null, spans: [] }

  const changed = await changesSince(tx, jobId, query.sinceSeq, range)
  const spans = toSpans(changed.buckets, range)
  const reset =
    changed.rolledBackTo === null ? null : { fromStep: bucketStart(changed.rolledBackTo + 1, range.resolution) }
  const tail = [reset?.fromStep, await firstChangedMedian(tx, jobId, query.smooth, changed)]
  return {
    reset,
    spans: tail.reduce<Span[]>((held, step) => (step === undefined ? held : withTail(held, step, range)), spans),
  }
}

interface Changes {
  buckets: number[]
  /** Lowest step, in the range or not, at which a point came or went; null without any. */
  firstStep: number | null
  rolledBackTo: number | null
}

async function changesSince(tx: Transaction, jobId: string, since: number, range: CurveRange): Promise<Changes> {
  const points = await tx.query<{ bucket: number; first: number }>(
    `SELECT step / $3::int AS bucket, min(step) AS first FROM curve_point
     WHERE job_id = $1 AND seq > $2 AND effective GROUP BY step / $3::int`,
    [jobId, since, range.resolution],
  )
  const rollbacks = await tx.query<{ step: number | null }>(
    'SELECT min(after_step) AS step FROM curve_rollback WHERE job_id = $1 AND seq > $2',
    [jobId, since],
  )
  const rolledBackTo = rollbacks.rows[0]?.step ?? null
  const firsts = points.rows.map((row) => row.first)
  if (rolledBackTo !== null) firsts.push(rolledBackTo + 1)
  const firstStep = firsts.length === 0 ? null : firsts.reduce((a, b) => Math.min(a, b))
  return { buckets: points.rows.map((row) => row.bucket), firstStep, rolledBackTo }
}

/** A median changes when a point within half a window of it does: the step half a window of points before the first change. */
async function firstChangedMedian(
  tx: Transaction,
  jobId: string,
  window: number | null,
  changed: Changes,
): Promise<number | undefined> {
  if (window === null || changed.firstStep === null) return undefined
  const { rows } = await tx.query<{ step: number }>(
    `SELECT step FROM curve_point WHERE job_id = $1 AND effective AND step < $2
     ORDER BY step DESC OFFSET $3 LIMIT 1`,
    [jobId, changed.firstStep, (window - 1) / 2 - 1],
  )
  return rows[0]?.step ?? 0
}

async function assertFewPoints(tx: Transaction, jobId: string, range: CurveRange): Promise<void> {
  // There is at most one point per step, so most ranges need no counting.
  if (range.last - range.first < MAX_RAW_POINTS) return
  const { rows } = await tx.query(
    'SELECT 1 FROM curve_point WHERE job_id = $1 AND effective AND step BETWEEN $2 AND $3 ORDER BY step OFFSET $4 LIMIT 1',
    [jobId, range.first, range.last, MAX_RAW_POINTS],
  )
  if (rows.length === 0) return
  throw new AppError('too-many-points', `a median looks at ${MAX_RAW_POINTS} raw points at most; narrow from and to`)
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
