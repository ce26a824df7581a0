import {
  AppError,
  isOwned,
  isTerminal,
  type JobState,
  type PauseCheckpoint,
  type Reason,
  transitions,
} from '@kantor/contracts'
import type { Transaction } from './database.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'

export interface Move {
  to: JobState
  reason: Reason
  message?: string | undefined
  actor: string
  /** Where the curve was, for what is about the curve. */
  step?: number | undefined
  /** With `pausing`. */
  pauseCheckpoint?: PauseCheckpoint | undefined
}

/** On the way to a pause or stop that is not met yet. */
const keepsWish: readonly JobState[] = ['queued', 'starting', 'pausing']

/** Locks a job's row until the transaction ends. */
export async function lockJob(tx: Transaction, id: string): Promise<OwnedJobRow | null> {
  const { rows } = await tx.query<OwnedJobRow>(`SELECT ${jobColumns} FROM job WHERE id = $1 FOR UPDATE`, [id])
  return rows[0] ?? null
}

/** AppError `invalid-state` unless the table of contracts has this move. */
function assertMove(from: JobState, to: JobState): void {
  if (transitions[from].includes(to)) return
  throw new AppError('invalid-state', `a job that is ${from} cannot become ${to}`, {
    currentState: from,
    allowed: [...transitions[from]],
  })
}

/**
 * Moves a job whose row this transaction has locked, and appends the event. What a state implies for the other columns
 * is decided here alone: the lease lives only in owned states, the owner is forgotten when the job waits again,
 * a queued job needs a new ticket, a terminal one has its time and closes its curve, a wish is forgotten when it is met or outranked.
 */
export async function moveJob(tx: Transaction, job: OwnedJobRow, move: Move): Promise<OwnedJobRow> {
  assertMove(job.state, move.to)
  const waiting = move.to === 'queued' || move.to === 'paused'
  const { rows } = await tx.query<OwnedJobRow>(
    `UPDATE job SET
       state = $2, reason = $3, message = $4, event_seq = event_seq + 1,
       lease_until = CASE WHEN $5 THEN lease_until END,
       worker_id = CASE WHEN $6 THEN NULL ELSE worker_id END,
       ticketed_at = CASE WHEN $6 THEN NULL ELSE ticketed_at END,
       finished_at = CASE WHEN $7 THEN clock_timestamp() END,
       curve_seq = curve_seq + $7::int,
       not_before = NULL,
       desired = CASE WHEN $8 THEN desired END,
       pause_checkpoint = CASE WHEN $8 THEN coalesce($9, pause_checkpoint) END
     WHERE id = $1 RETURNING ${jobColumns}`,
    [
      job.id,
      move.to,
      move.reason,
      move.message ?? null,
      isOwned(move.to),
      waiting,
      isTerminal(move.to),
      keepsWish.includes(move.to),
      move.pauseCheckpoint ?? null,
    ],
  )
  const moved = rows[0]!
  await appendEvent(tx, job.state, moved, move)
  return moved
}

/** Something worth telling while the job stays where it is. */
export type Note = Omit<Move, 'to'>

/** Appends an event from the job's state to itself. A job at work shows it as its reason too, until it moves or the next one comes. */
export async function noteJob(tx: Transaction, job: OwnedJobRow, note: Note): Promise<void> {
  const atWork = job.state === 'starting' || job.state === 'running'
  const { rows } = await tx.query<OwnedJobRow>(
    `UPDATE job SET event_seq = event_seq + 1, reason = CASE WHEN $2 THEN $3 ELSE reason END,
       message = CASE WHEN $2 THEN $4 ELSE message END
     WHERE id = $1 RETURNING ${jobColumns}`,
    [job.id, atWork, note.reason, note.message ?? null],
  )
  await appendEvent(tx, job.state, rows[0]!, { ...note, to: job.state })
}

/** States that webhooks are told of when a job comes into them. */
const toldStates: readonly JobState[] = ['running', 'queued', 'paused', 'succeeded', 'stopped', 'cancelled', 'failed']

/** `moved` already carries the event's sequence number. Webhooks that want to know get it in the same statement. */
export async function appendEvent(
  tx: Transaction,
  from: JobState | null,
  moved: Pick<OwnedJobRow, 'id' | 'eventSeq' | 'epoch'>,
  move: Move,
): Promise<void> {
  const told = from !== move.to && toldStates.includes(move.to)
  await tx.query(
    `WITH event AS (
       INSERT INTO job_event (job_id, seq, actor, from_state, to_state, reason, message, epoch, step)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10) RETURNING *
     )
     INSERT INTO webhook_delivery (webhook_id, event, job_id, payload)
     SELECT webhook.id, $9::text, event.job_id, json_build_object('type', $9::text, 'timestamp', event.at, 'data', json_build_object(
       'jobId', event.job_id, 'name', job.name, 'tags', job.tags, 'seq', event.seq, 'actor', event.actor, 'from', event.from_state,
       'state', event.to_state, 'reason', event.reason, 'message', event.message, 'attempt', event.epoch))::text
     FROM event JOIN job ON job.id = event.job_id JOIN webhook ON webhook.active AND $9::text = ANY(webhook.events)`,
    [
      moved.id,
      moved.eventSeq,
      move.actor,
      from,
      move.to,
      move.reason,
      move.message ?? null,
      moved.epoch,
      told ? `job.${move.to}` : null,
      move.step ?? null,
    ],
  )
}
