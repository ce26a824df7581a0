// Where a job stands when nobody trains it: the step that its next attempt goes on from, and the steps that were shown beyond it.
import type { PauseCheckpoint, Reason } from '@kantor/contracts'
import type { Transaction } from './database.js'

interface Standing {
  /** The step of the newest good checkpoint, or of the one that the job starts from; null for none. */
  saved: number | null
  /** The newest step of the curve. */
  reached: number
}

async function standingOf(tx: Transaction, job: { id: string; startCheckpointId: string | null }): Promise<Standing> {
  const { rows } = await tx.query<Standing>(
    `SELECT coalesce(
       (SELECT step FROM checkpoint WHERE job_id = $1 AND NOT quarantined ORDER BY epoch DESC, step DESC LIMIT 1),
       (SELECT step FROM checkpoint WHERE id = $2)
     ) AS saved,
     (SELECT coalesce(max(last_step), 0) FROM curve_segment WHERE job_id = $1 AND effective) AS reached`,
    [job.id, job.startCheckpointId],
  )
  return rows[0]!
}

/**
 * What the event of a pause says. A `save` that did not come about, for whatever reason, is never booked as one: its reason is
 * `unsaved`, and the message names the steps that are trained again.
 */
export async function accountForPause(
  tx: Transaction,
  job: { id: string; startCheckpointId: string | null },
  checkpoint: PauseCheckpoint,
): Promise<{ reason: Reason; message?: string }> {
  const { saved, reached } = await standingOf(tx, job)
  const from = saved === null ? 'the beginning' : `the checkpoint of step ${saved}`
  if (reached <= (saved ?? 0)) return { reason: 'user', ...(saved !== null && { message: `goes on from ${from}` }) }
  const again = `steps ${(saved ?? 0) + 1} to ${reached} are trained again after the resume, from ${from}`
  if (checkpoint === 'latest') return { reason: 'user', message: `nothing was saved, as asked: ${again}` }
  return { reason: 'unsaved', message: `the newest steps could not be saved: ${again}` }
}

/** What the event of a stop says: which checkpoint is the model. */
export async function accountForStop(
  tx: Transaction,
  job: { id: string; startCheckpointId: string | null },
): Promise<string> {
  const { saved } = await standingOf(tx, job)
  return saved === null
    ? 'ended early, before the first checkpoint'
    : `ended early; its model is the checkpoint of step ${saved}`
}
