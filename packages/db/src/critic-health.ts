import { type CriticHealth, type Reason, Trouble } from '@kantor/contracts'
import type { Database, Transaction } from './database.js'
import { type Fence, sequencedTransaction } from './fence.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'
import { appendEvent } from './transition.js'

/** What a remedy did at a step. */
export interface Remedied {
  step: number
  message: string
}

const isTrouble = (state: string | undefined): boolean => Trouble.safeParse(state).success

/**
 * Stores how a job's critic is doing. That it came into trouble, or out of it, is an event, and a mark on its curve; told again of the same, as
 * by an attempt that resumes, it does nothing. FencedError.
 */
export async function noteHealth(db: Database, fence: Fence, health: CriticHealth): Promise<void> {
  const { state, reason, sinceStep } = health
  await sequencedTransaction(db, fence, async (tx, seq) => {
    const { rows } = await tx.query<{ before: CriticHealth | null }>('SELECT health AS before FROM job WHERE id = $1', [
      fence.jobId,
    ])
    const { before } = rows[0]!
    if (before?.state === state && before.sinceStep === sinceStep) return
    await tx.query('UPDATE job SET health = $2 WHERE id = $1', [fence.jobId, health])
    if (!isTrouble(state) && !isTrouble(before?.state)) return
    const message = `${state}: ${reason}`
    await tell(tx, fence, { seq, kind: 'health', step: sinceStep, reason: 'critic_health', message })
  })
}

/** An event and a mark of what a remedy did. FencedError. */
export async function noteRemedy(db: Database, fence: Fence, { step, message }: Remedied): Promise<void> {
  await sequencedTransaction(db, fence, (tx, seq) =>
    tell(tx, fence, { seq, kind: 'remedy', step, reason: 'remedy', message }),
  )
}

interface Told {
  seq: string
  kind: 'health' | 'remedy'
  step: number
  reason: Reason
  message: string
}

/** The job's own reason stays: how a critic fares is no part of the life cycle. */
async function tell(
  tx: Transaction,
  { jobId, epoch }: Fence,
  { seq, kind, step, reason, message }: Told,
): Promise<void> {
  const { rows } = await tx.query<OwnedJobRow>(
    `UPDATE job SET event_seq = event_seq + 1 WHERE id = $1 RETURNING ${jobColumns}`,
    [jobId],
  )
  const job = rows[0]!
  await appendEvent(tx, job.state, job, {
    to: job.state,
    reason,
    message: `step ${step}: ${message}`,
    actor: job.workerId!,
  })
  await tx.query(`INSERT INTO curve_mark (job_id, epoch, seq, step, kind, message) VALUES ($1, $2, $3, $4, $5, $6)`, [
    jobId,
    epoch,
    seq,
    step,
    kind,
    message,
  ])
}
