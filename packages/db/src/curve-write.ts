import { type CurvePoint, type SeriesName, seriesNames } from '@kantor/contracts'
import type { Database, Transaction } from './database.js'
import { type Fence, sequencedTransaction } from './fence.js'
import { realArray } from './real-array.js'

/** Columns are the series' names, in the catalogue's order. */
const seriesColumns: readonly SeriesName[] = seriesNames

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
  const steps = points.map((point) => point.step)
  if (fence.epoch > 1) {
    await tx.query(
      `UPDATE curve_point SET effective = false
       WHERE job_id = $1 AND effective AND epoch < $2 AND step = ANY($3::int[])`,
      [fence.jobId, fence.epoch, steps],
    )
  }
  const values = seriesColumns.map((_, series) => realArray(points.length, (i) => points[i]!.values[series]!))
  const parameters = seriesColumns.map((_, series) => `$${series + 6}::real[]`).join(', ')
  await tx.query(
    `INSERT INTO curve_point (job_id, epoch, seq, step, critic_step, ${seriesColumns.join(', ')})
     SELECT $1, $2, $3, * FROM unnest($4::int[], $5::bigint[], ${parameters})
     ON CONFLICT (job_id, epoch, step) DO NOTHING`,
    [fence.jobId, fence.epoch, seq, steps, points.map((point) => point.criticStep), ...values],
  )
  if (fence.epoch > 1) await countDivergences(tx, fence, steps)
  const lastStep = steps.reduce((highest, step) => Math.max(highest, step), 0)
  await tx.query('UPDATE job SET curve_last_step = greatest(curve_last_step, $2) WHERE id = $1', [
    fence.jobId,
    lastStep,
  ])
}

/** Bits, not values: −0 is not 0, and NaN is itself. */
const bits = (point: string) => seriesColumns.map((column) => `float4send(${point}.${column})`).join(' || ')

/**
 * Steps that this attempt computed again and got other bits for, though it goes on from a checkpoint and both it and an attempt before
 * promised the same ones. An attempt that began at step 0 is not judged: it may run on another kind of machine.
 */
async function countDivergences(tx: Transaction, fence: Fence, steps: number[]): Promise<void> {
  // Only steps that were reached before can differ: beyond them a flush must not pay for this.
  const first = steps.reduce((lowest, step) => Math.min(lowest, step))
  const { rows } = await tx.query('SELECT 1 FROM job WHERE id = $1 AND curve_last_step >= $2', [fence.jobId, first])
  if (rows.length === 0) return
  await tx.query(
    `UPDATE job SET replay_divergences = replay_divergences + replay.differing
     FROM (
       SELECT count(DISTINCT again.step)::int AS differing
       FROM attempt AS mine
       JOIN attempt AS theirs ON theirs.job_id = mine.job_id AND theirs.epoch < mine.epoch AND theirs.determinism = 'bitwise'
       JOIN curve_point AS old ON old.job_id = mine.job_id AND old.epoch = theirs.epoch AND old.step = ANY($3::int[])
       JOIN curve_point AS again ON again.job_id = mine.job_id AND again.epoch = mine.epoch AND again.step = old.step
       WHERE mine.job_id = $1 AND mine.epoch = $2 AND mine.resume_step IS NOT NULL AND mine.determinism = 'bitwise'
         AND (${bits('again')}) <> (${bits('old')})
     ) AS replay
     WHERE job.id = $1 AND replay.differing > 0`,
    [fence.jobId, fence.epoch, steps],
  )
}

/**
 * Called by an attempt that resumes at `afterStep`: what earlier attempts wrote beyond it (points and samples) stays stored under
 * their number and leaves the curve; readers that saw it are told to drop it. FencedError.
 */
export async function rollbackCurve(db: Database, fence: Fence, afterStep: number): Promise<void> {
  await sequencedTransaction(db, fence, async (tx, seq) => {
    // The checkpoint that the claim named may have been found damaged since.
    await tx.query('UPDATE attempt SET resume_step = nullif($3, 0) WHERE job_id = $1 AND epoch = $2', [
      fence.jobId,
      fence.epoch,
      afterStep,
    ])
    const where = 'job_id = $1 AND epoch < $2 AND step > $3 AND effective'
    const values = [fence.jobId, fence.epoch, afterStep]
    const points = await tx.query(`UPDATE curve_point SET effective = false WHERE ${where}`, values)
    const samples = await tx.query(`UPDATE sample SET effective = false WHERE ${where}`, values)
    if (points.rowCount === 0 && samples.rowCount === 0) return
    await tx.query('INSERT INTO curve_rollback (job_id, epoch, after_step, seq) VALUES ($1, $2, $3, $4)', [
      ...values,
      seq,
    ])
  })
}
