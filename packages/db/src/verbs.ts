import {
  AppError,
  isTerminal,
  type Job,
  type JobState,
  moves,
  type MovingVerb,
  type PauseCheckpoint,
  type Verb,
  verbsOf,
} from '@kantor/contracts'
import { type Database, transaction, type Transaction } from './database.js'
import { jobColumns, type OwnedJobRow, toJob } from './job-row.js'
import { accountForPause, accountForStop } from './standing.js'
import { appendEvent, lockJob, type Move, moveJob } from './transition.js'

export interface Asked {
  verb: MovingVerb
  /** Who asks: the key's name or id. */
  actor: string
  /** For `pause`; default `save`. */
  checkpoint?: PauseCheckpoint | undefined
}

/**
 * Pauses, resumes, stops or cancels a job: at once while nobody trains it; else its worker reads the wish in the reply to its next lease
 * renewal. A wish that is met already changes nothing. AppError `not-found`; `invalid-state` with the verbs that the job does take.
 */
export async function askJob(db: Database, id: string, asked: Asked): Promise<Job> {
  return transaction(db, async (tx) => {
    const job = await existing(tx, id)
    const to = (moves[asked.verb] as Partial<Record<string, OwnedJobRow['state'] | 'same'>>)[job.state]
    if (to === undefined) throw refusal(job, asked.verb)
    return toJob(to === 'same' ? await again(tx, job, asked) : await moveJob(tx, job, await moveOf(tx, job, to, asked)))
  })
}

async function moveOf(tx: Transaction, job: OwnedJobRow, to: Move['to'], asked: Asked): Promise<Move> {
  const { actor, checkpoint = 'save' } = asked
  if (to === 'pausing') {
    const message = checkpoint === 'save' ? 'saves a checkpoint first' : 'at once, back to the newest checkpoint'
    return { to, reason: 'user', actor, message, pauseCheckpoint: checkpoint }
  }
  if (to === 'paused') return { to, actor, ...(await accountForPause(tx, job, checkpoint)) }
  if (to === 'stopped') return { to, reason: 'user', actor, message: await accountForStop(tx, job) }
  return { to, reason: 'user', actor }
}

/** The wish is being met already; what may still change is how. */
async function again(tx: Transaction, job: OwnedJobRow, { verb, checkpoint = 'save' }: Asked): Promise<OwnedJobRow> {
  if (verb === 'pause' && job.state === 'pausing' && checkpoint !== job.pauseCheckpoint) {
    if (checkpoint === 'latest') return setWish(tx, job, `pause_checkpoint = 'latest'`)
    throw new AppError('invalid-state', 'the job is being paused without a checkpoint, so it can no longer save one', {
      currentState: job.state,
      allowed: verbsOf(job.state),
    })
  }
  // Left over from an attempt whose worker was lost on the way to the pause.
  if (verb === 'resume' && job.desired === 'paused') return setWish(tx, job, 'desired = NULL, pause_checkpoint = NULL')
  if (verb === 'resume' && job.desired === 'stopped') throw refusal(job, verb)
  return job
}

async function setWish(tx: Transaction, { id }: OwnedJobRow, assignments: string): Promise<OwnedJobRow> {
  const sql = `UPDATE job SET ${assignments} WHERE id = $1 RETURNING ${jobColumns}`
  return (await tx.query<OwnedJobRow>(sql, [id])).rows[0]!
}

/**
 * Takes a job that is over out of the lists that do not ask for archived ones, or puts it back, with an event. Once more changes nothing.
 * AppError `not-found`, `invalid-state`.
 */
export async function setArchived(db: Database, id: string, archived: boolean, actor: string): Promise<Job> {
  return transaction(db, async (tx) => {
    const job = await existing(tx, id)
    if (!isTerminal(job.state)) throw refusal(job, archived ? 'archive' : 'unarchive')
    if ((job.archivedAt !== null) === archived) return toJob(job)
    const { rows } = await tx.query<OwnedJobRow>(
      `UPDATE job SET archived_at = CASE WHEN $2 THEN clock_timestamp() END, event_seq = event_seq + 1
       WHERE id = $1 RETURNING ${jobColumns}`,
      [id, archived],
    )
    const reason = archived ? 'archived' : 'unarchived'
    await appendEvent(tx, job.state, rows[0]!, { to: job.state, reason, actor })
    return toJob(rows[0]!)
  })
}

/** Locks the job's row. AppError `not-found`. */
export async function existing(tx: Transaction, id: string): Promise<OwnedJobRow> {
  const job = await lockJob(tx, id)
  if (!job) throw new AppError('not-found', `there is no job ${id}`)
  return job
}

/** Why a job does not take a verb, and which it does. */
export function refusal(job: { state: JobState; desired?: OwnedJobRow['desired'] }, verb: Verb): AppError {
  const allowed = verbsOf(job.state).filter((each) => each !== verb)
  const waits = job.desired === 'stopped' ? ' and is to be stopped' : ''
  const remedy = isTerminal(job.state)
    ? 'a new job can go on from its checkpoints (retry, fork)'
    : verb === 'resume'
      ? 'resume it when that is over'
      : 'stop or cancel it first'
  return new AppError('invalid-state', `${verb} is not for a job that is ${job.state}${waits}; ${remedy}`, {
    currentState: job.state,
    allowed,
  })
}
