// The remedy that takes a job back: which of its checkpoints is still good, and what says so.
import { newestCheckpointIn, startCheckpointIn } from './checkpoints.js'
import type { Transaction } from './database.js'
import type { OwnedJobRow } from './job-row.js'

/** How often a remedy took the job back: the attempts that ended so. */
export async function rollBacksOf(tx: Transaction, jobId: string): Promise<number> {
  const { rows } = await tx.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM attempt WHERE job_id = $1 AND reason = 'rolled_back'`,
    [jobId],
  )
  return rows[0]!.n
}

/**
 * Gives up the checkpoints after step `upTo`: they stay listed, put aside, and the next attempt goes on from the newest that is left, with the
 * curve up to it. Where retention left none that old the oldest one stays, which is as near as one gets. Leaves a mark at the step that is gone
 * back to, where the curve stays; answers what the event says. In the transaction that ends the attempt: either all of it is so, or the job still
 * stands where it stood, and comes to the same roll-back again.
 */
export async function rollBack(
  tx: Transaction,
  job: OwnedJobRow,
  { upTo, message = '' }: { upTo: number; message?: string | undefined },
): Promise<string> {
  await tx.query(
    `UPDATE checkpoint SET quarantined = true WHERE job_id = $1 AND NOT quarantined AND step > greatest($2::int,
       (SELECT min(step) FROM checkpoint WHERE job_id = $1 AND NOT quarantined))`,
    [job.id, upTo],
  )
  const { step } = (await newestCheckpointIn(tx, job.id)) ?? (await startCheckpointIn(tx, job)) ?? { step: 0 }
  await tx.query(
    `WITH next AS (UPDATE job SET curve_seq = curve_seq + 1 WHERE id = $1 RETURNING curve_seq)
     INSERT INTO curve_mark (job_id, epoch, seq, step, kind, message) SELECT $1, $2, curve_seq, $3, 'remedy', $4 FROM next`,
    [job.id, job.epoch, step, message],
  )
  return `${message}; goes on from step ${step}`
}
