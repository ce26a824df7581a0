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
  const lastStep = steps.reduce((highest, step) => Math.max(highest, step), 0)
  await tx.query('UPDATE job SET curve_last_step = greatest(curve_last_step, $2) WHERE id = $1', [
    fence.jobId,
    lastStep,
  ])
}

/**
 * Called by an attempt that resumes at `afterStep`: what earlier attempts wrote beyond it (points and samples) stays stored under
 * their number and leaves the curve; readers that saw it are told to drop it. FencedError.
 */
export async function rollbackCurve(db: Database, fence: Fence, afterStep: number): Promise<void> {
  await sequencedTransaction(db, fence, async (tx, seq) => {
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
