import { type CurvePoint, type Diagnostics, lossNames, reproducibleNames } from '@kantor/contracts'
import type { Database, Transaction } from '../database.js'
import { type Fence, sequencedTransaction } from '../fence.js'
import { chunkOf } from './geometry.js'
import { close, reopen } from './pyramid.js'
import { grouped, pick, type Segment, type SparseColumn } from './segment.js'
import { deleteSegments, insertSegment, readWholeSegments } from './segments.js'

/**
 * Writes a flush under one new sequence number. A point that this attempt wrote before is left as it is; one of an earlier attempt
 * at the same step gives way. FencedError.
 */
export async function appendPoints(db: Database, fence: Fence, points: CurvePoint[]): Promise<void> {
  await sequencedTransaction(db, fence, (tx, seq) => insertPoints(tx, fence, seq, points))
}

/** The same inside a transaction that holds the job's row. */
export async function insertPoints(tx: Transaction, fence: Fence, seq: string, points: CurvePoint[]): Promise<void> {
  if (points.length === 0) return
  const { rows } = await tx.query<{ closed: number; now: number }>(
    `SELECT curve_closed AS closed, round(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now FROM job WHERE id = $1`,
    [fence.jobId],
  )
  const { closed, now } = rows[0]!
  await insertNew(tx, fence, toSegment(points, { epoch: fence.epoch, seq: Number(seq), time: now }), closed)
}

/** Writes what is new of an attempt's points, wherever they are, and keeps the pyramid. */
async function insertNew(tx: Transaction, { jobId, epoch }: Fence, points: Segment, closed: number): Promise<void> {
  const there = await readWholeSegments(tx, jobId, { first: points.steps[0]!, last: points.steps.at(-1)! })
  const fresh = without(points, stepsOf(there.filter((segment) => segment.epoch === epoch)))
  if (fresh === null) return

  const stillClosed = await reopen(tx, jobId, closed, fresh.steps[0]!)
  const earlier = there.filter((segment) => segment.epoch < epoch)
  const steps = stepsOf([fresh])
  for (const segment of earlier) if (segment.effective) await supersede(tx, jobId, segment, (step) => steps.has(step))
  if (earlier.length > 0) await countDivergences(tx, { jobId, epoch }, fresh, earlier)

  const chunks = grouped(fresh.steps.keys(), (i) => chunkOf(fresh.steps[i]!))
  for (const at of chunks.values()) await insertSegment(tx, jobId, pick(fresh, at))
  const lastStep = fresh.steps.at(-1)!
  await tx.query('UPDATE job SET curve_last_step = greatest(curve_last_step, $2) WHERE id = $1', [jobId, lastStep])
  if (chunkOf(lastStep) > stillClosed || stillClosed < closed) await close(tx, jobId, stillClosed)
}

/** Ascending, the first point of each step. */
function toSegment(points: CurvePoint[], { epoch, seq, time }: { epoch: number; seq: number; time: number }): Segment {
  const byStep = new Map<number, CurvePoint>()
  for (const point of points) if (!byStep.has(point.step)) byStep.set(point.step, point)
  const ordered = [...byStep.values()].sort((a, b) => a.step - b.step)
  return {
    epoch,
    effective: true,
    firstSeq: seq,
    seq,
    steps: Int32Array.from(ordered, (point) => point.step),
    criticSteps: Float64Array.from(ordered, (point) => point.criticStep),
    times: new Float64Array(ordered.length).fill(time),
    ...columnsOf(ordered),
  }
}

/** The losses, and what else was measured: at every point, or at some. */
function columnsOf(points: CurvePoint[]): Pick<Segment, 'values' | 'sparse'> {
  const values = new Map<string, Float32Array>(
    lossNames.map((name, series) => [name, Float32Array.from(points, (point) => point.values[series]!)]),
  )
  const measured = new Map<keyof Diagnostics, { at: number[]; values: number[] }>()
  for (const [i, { diagnostics = {} }] of points.entries()) {
    for (const [name, value] of Object.entries(diagnostics) as [keyof Diagnostics, number][]) {
      const column = measured.get(name) ?? { at: [], values: [] }
      column.at.push(i)
      column.values.push(value)
      measured.set(name, column)
    }
  }
  const sparse = new Map<string, SparseColumn>()
  for (const [name, column] of measured) {
    const floats = Float32Array.from(column.values)
    if (column.at.length === points.length) values.set(name, floats)
    else sparse.set(name, { at: Int32Array.from(column.at), values: floats })
  }
  return { values, sparse }
}

const stepsOf = (segments: Segment[]) => new Set(segments.flatMap(({ steps }) => [...steps]))

function without(points: Segment, steps: Set<number>): Segment | null {
  if (steps.size === 0) return points
  const at = [...points.steps.keys()].filter((i) => !steps.has(points.steps[i]!))
  return at.length === 0 ? null : pick(points, at)
}

/** Takes points out of the effective curve: they stay stored under their attempt. */
async function supersede(
  tx: Transaction,
  jobId: string,
  segment: Segment,
  gone: (step: number) => boolean,
): Promise<void> {
  const places = grouped(segment.steps.keys(), (i) => gone(segment.steps[i]!))
  const leaving = places.get(true)
  if (!leaving) return
  await deleteSegments(tx, jobId, [segment])
  await insertSegment(tx, jobId, { ...pick(segment, leaving), effective: false })
  const staying = places.get(false)
  if (staying) await insertSegment(tx, jobId, pick(segment, staying))
}

/**
 * Steps that this attempt computed again and got other bits for, though it goes on from a checkpoint and both it and an attempt before
 * promised the same ones. After a roll-back they are meant to be others. An attempt that began at step 0 is not judged: it may run on another kind of machine.
 */
async function countDivergences(
  tx: Transaction,
  { jobId, epoch }: Fence,
  fresh: Segment,
  earlier: Segment[],
): Promise<void> {
  const { rows } = await tx.query<{ epoch: number }>(
    `SELECT theirs.epoch FROM attempt AS mine
     JOIN attempt AS theirs ON theirs.job_id = mine.job_id AND theirs.epoch < mine.epoch AND theirs.determinism = 'bitwise'
       AND NOT EXISTS (SELECT 1 FROM attempt AS back WHERE back.job_id = mine.job_id AND back.reason = 'rolled_back'
         AND back.epoch BETWEEN theirs.epoch AND mine.epoch - 1)
     WHERE mine.job_id = $1 AND mine.epoch = $2 AND mine.resume_step IS NOT NULL AND mine.determinism = 'bitwise'`,
    [jobId, epoch],
  )
  const bitwise = new Set(rows.map((row) => row.epoch))
  const differing = new Set<number>()
  const mine = new Map(Array.from(fresh.steps, (step, i) => [step, i]))
  for (const segment of earlier.filter((old) => bitwise.has(old.epoch))) {
    for (const [i, step] of segment.steps.entries()) {
      const again = mine.get(step)
      if (again !== undefined && !sameBits(fresh, again, segment, i)) differing.add(step)
    }
  }
  if (differing.size === 0) return
  await tx.query('UPDATE job SET replay_divergences = replay_divergences + $2 WHERE id = $1', [jobId, differing.size])
}

const bits = (column: Float32Array, at: number) => new Uint32Array(column.buffer, column.byteOffset + at * 4, 1)[0]

/** Bits, not values: −0 is not 0, and NaN is itself. How long a step took is no part of what is repeated. */
function sameBits(a: Segment, i: number, b: Segment, j: number): boolean {
  return [...a.values].every(([name, column]) => {
    const other = b.values.get(name)
    return other === undefined || !reproducible.has(name) || bits(column, i) === bits(other, j)
  })
}

const reproducible: ReadonlySet<string> = new Set(reproducibleNames)

/**
 * Called by an attempt that resumes at `afterStep`: what earlier attempts wrote beyond it (points and samples) stays stored under
 * their number and leaves the curve; readers that saw it are told to drop it. FencedError.
 */
export async function rollbackCurve(db: Database, fence: Fence, afterStep: number): Promise<void> {
  await sequencedTransaction(db, fence, async (tx, seq) => {
    const { jobId, epoch } = fence
    // The checkpoint that the claim named may have been found damaged since.
    await tx.query('UPDATE attempt SET resume_step = nullif($3, 0) WHERE job_id = $1 AND epoch = $2', [
      jobId,
      epoch,
      afterStep,
    ])
    const points = await rollbackPoints(tx, fence, afterStep)
    const samples = await tx.query(
      'UPDATE sample SET effective = false WHERE job_id = $1 AND epoch < $2 AND step > $3 AND effective',
      [jobId, epoch, afterStep],
    )
    await tx.query(
      'UPDATE curve_mark SET effective = false WHERE job_id = $1 AND epoch < $2 AND step > $3 AND effective',
      [jobId, epoch, afterStep],
    )
    if (!points && samples.rowCount === 0) return
    await tx.query('INSERT INTO curve_rollback (job_id, epoch, after_step, seq) VALUES ($1, $2, $3, $4)', [
      jobId,
      epoch,
      afterStep,
      seq,
    ])
  })
}

/** Whether any point left the curve. */
async function rollbackPoints(tx: Transaction, { jobId, epoch }: Fence, afterStep: number): Promise<boolean> {
  const found = await tx.query<{ closed: number }>(
    `SELECT curve_closed AS closed FROM job WHERE id = $1 AND EXISTS (
       SELECT 1 FROM curve_segment WHERE job_id = $1 AND epoch < $2 AND last_step > $3 AND effective)`,
    [jobId, epoch, afterStep],
  )
  if (!found.rows[0]) return false
  await reopen(tx, jobId, found.rows[0].closed, afterStep + 1)
  for (const segment of await readWholeSegments(tx, jobId, { first: afterStep, last: afterStep })) {
    if (segment.effective && segment.epoch < epoch) await supersede(tx, jobId, segment, (step) => step > afterStep)
  }
  await tx.query(
    'UPDATE curve_segment SET effective = false WHERE job_id = $1 AND epoch < $2 AND first_step > $3 AND effective',
    [jobId, epoch, afterStep],
  )
  return true
}
