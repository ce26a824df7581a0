import type { JobState, Progress, Reason } from '@kantor/contracts'
import type { Transaction } from './database.js'
import { planEvaluation } from './evaluations.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'
import { rollBack } from './roll-back.js'
import { accountForPause, accountForStop } from './standing.js'
import { moveJob } from './transition.js'

export interface AttemptEnd {
  to: Extract<JobState, 'succeeded' | 'failed' | 'cancelled' | 'stopped' | 'paused' | 'queued'>
  reason: Reason
  /** For people: what happened and what to do about it. */
  message?: string | undefined
  /** With `rolled_back`: checkpoints of later steps are given up. */
  upTo?: number | undefined
  progress?: Progress | undefined
  /** How the trainer's process ended, when there was one. */
  exit?: { code: number | null; signal: string | null } | undefined
  /** Processor time of the trainer. */
  cpuSeconds?: number | undefined
}

/** Ends of an attempt that may be the job's own doing: they count towards `poison`. */
const crashReasons: readonly Reason[] = [
  'trainer_error',
  'trainer_killed',
  'hung',
  'storage_error',
  'worker_lost',
  'lease_expired',
]
/** Of these, those after which the same machine could try again in the next moment: it waits instead, and others get a turn. */
const pausingReasons: readonly Reason[] = ['trainer_error', 'trainer_killed', 'hung', 'storage_error']
/** Crashes without a new checkpoint between them that end a job; any three end a task. */
export const MAX_CRASHES = 3

/** Ends the attempt that owns a job whose row this transaction has locked: the job's move, the attempt's row, the crash count. */
export async function endAttempt(
  tx: Transaction,
  job: OwnedJobRow,
  end: AttemptEnd,
  actor: string,
): Promise<OwnedJobRow> {
  const crashes = end.to === 'queued' && crashReasons.includes(end.reason) ? job.crashes + 1 : job.crashes
  const outcome = await decide(tx, job, end, crashes)
  await tx.query('UPDATE job SET crashes = $2, desired = $3, progress = coalesce($4, progress) WHERE id = $1', [
    job.id,
    crashes,
    outcome.to === 'queued' ? desiredOf(job) : null,
    end.progress ?? null,
  ])
  await tx.query(
    `UPDATE attempt SET ended_at = clock_timestamp(), outcome = $3, reason = $4, message = $5, exit_code = $6, exit_signal = $7,
       to_step = coalesce($8, to_step), cpu_seconds = coalesce($9, cpu_seconds)
     WHERE job_id = $1 AND epoch = $2`,
    [
      job.id,
      job.epoch,
      outcome.to,
      outcome.reason,
      outcome.message ?? null,
      end.exit?.code ?? null,
      end.exit?.signal ?? null,
      end.progress?.step ?? null,
      end.cpuSeconds ?? null,
    ],
  )
  const moved = await moveJob(tx, job, { ...outcome, actor })
  if (moved.state === 'succeeded' || moved.state === 'stopped') await planEvaluation(tx, job.id, 'last')
  const pauses = moved.state === 'queued' && pausingReasons.includes(outcome.reason)
  return pauses ? holdBack(tx, moved, crashes) : moved
}

/** 5 s after the first crash, twice as long after each further one, 10 minutes at most; a random part keeps many jobs from coming back at once. */
async function holdBack(tx: Transaction, job: OwnedJobRow, crashes: number): Promise<OwnedJobRow> {
  const { rows } = await tx.query<OwnedJobRow>(
    `UPDATE job SET not_before = clock_timestamp() +
       make_interval(secs => least(600, 5 * 2 ^ ($2::int - 1)) * (0.5 + random() / 2))
     WHERE id = $1 RETURNING ${jobColumns}`,
    [job.id, Math.max(1, Math.min(crashes, 20))],
  )
  return rows[0]!
}

type Outcome = Pick<AttemptEnd, 'to' | 'reason' | 'message'>

async function decide(tx: Transaction, job: OwnedJobRow, end: AttemptEnd, crashes: number): Promise<Outcome> {
  // Whatever the worker reports, a job that its user cancelled ends cancelled.
  if (job.state === 'cancelling') return { to: 'cancelled', reason: 'user', message: end.message }
  if (crashes > job.crashes && crashes >= MAX_CRASHES) {
    const last = end.message === undefined ? end.reason : `${end.reason}: ${end.message}`
    const message = `crashed ${crashes} times without a new checkpoint in between; the last time: ${last}`
    return { to: 'failed', reason: 'poison', message }
  }
  // A stop that came after the worker had seen the pause outranks it.
  if (end.to === 'stopped' || (end.to === 'paused' && job.state === 'stopping')) {
    return { to: 'stopped', reason: end.reason, message: await accountForStop(tx, job) }
  }
  if (end.to === 'paused') return { to: 'paused', ...(await accountForPause(tx, job, job.pauseCheckpoint ?? 'save')) }
  if (end.reason === 'rolled_back' && end.upTo !== undefined) {
    return { to: end.to, reason: end.reason, message: await rollBack(tx, job, { ...end, upTo: end.upTo }) }
  }
  return { to: end.to, reason: end.reason, message: end.message }
}

/** A pause or stop that the attempt did not finish is left to the next claimer. */
function desiredOf(job: OwnedJobRow): OwnedJobRow['desired'] {
  if (job.state === 'pausing') return 'paused'
  if (job.state === 'stopping') return 'stopped'
  return job.desired
}
