// The leases of tasks: the same rules as those of jobs, on a row of their own.
import {
  type Measurement,
  ownedTaskStates,
  patientTasks,
  type Task,
  TaskKind,
  type TaskResult,
  type TaskState,
} from '@kantor/contracts'
import { MAX_CRASHES } from './attempts.js'
import { checkpointIn, type Damage, quarantineIn, type StoredCheckpoint } from './checkpoints.js'
import { type Database, query, transaction, type Transaction } from './database.js'
import { FencedError, fencedIn, leaseOf, type TaskFence } from './fence.js'
import type { OwnedJobRow } from './job-row.js'
import { addMetricsIn } from './metrics.js'
import { moveTask, taskColumns, type TaskMove, type TaskRow, toTask } from './tasks.js'
import { lockJob } from './transition.js'

const fenced = fencedIn(ownedTaskStates)

export interface ClaimedTask {
  task: Task
  fence: TaskFence
  /** As it is listed now. */
  checkpoint: StoredCheckpoint
}

/**
 * Takes the oldest queued task, of a kind that this release knows, patient kinds last; null when there is none. Of any number of claimers each gets another
 * one. A worker that is draining or unfit gets nothing.
 */
export async function claimTask(
  db: Database,
  { workerId, leaseSeconds }: { workerId: string; leaseSeconds: number },
): Promise<ClaimedTask | null> {
  return transaction(db, async (tx) => {
    const { rows } = await tx.query<TaskRow>(
      `UPDATE task SET state = 'running', reason = 'claimed', message = NULL, epoch = epoch + 1, worker_id = $1,
         lease_until = ${leaseOf('$2')}, started_at = coalesce(started_at, clock_timestamp())
       WHERE id = (
         SELECT id FROM task WHERE state = 'queued' AND kind = ANY($3)
           AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = $1 AND (draining OR unusable IS NOT NULL))
         ORDER BY kind = ANY($4), id LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING ${taskColumns}`,
      [workerId, leaseSeconds, TaskKind.options, patientTasks],
    )
    const [row] = rows
    if (!row) return null
    // It is there: its deletion waits for the task's row, which this transaction holds.
    const checkpoint = (await checkpointIn(tx, row.checkpointId))!
    return { task: toTask(row), fence: { taskId: row.id, epoch: row.epoch }, checkpoint }
  })
}

/** Holds the lease for another `leaseSeconds`. The reply tells of a cancellation; null = fenced, or deleted with its checkpoint. */
export async function renewTaskLease(
  db: Database,
  { taskId, epoch }: TaskFence,
  leaseSeconds: number,
): Promise<{ state: TaskState } | null> {
  const rows = await query<{ state: TaskState }>(
    db,
    `UPDATE task SET lease_until = ${leaseOf('$3')} WHERE ${fenced} RETURNING state`,
    [taskId, epoch, leaseSeconds],
  )
  return rows[0] ?? null
}

interface Measured {
  checkpointId: string
  measurements: readonly Measurement[]
}

export type TaskEnd =
  /**
   * `output`: key of the object that it made. Its checkpoint is quarantined when `damage` says what is wrong with the object. What was measured
   * of it joins the job's curve.
   */
  | {
      to: 'succeeded'
      result: TaskResult
      output?: string | undefined
      damage?: Damage | undefined
      measured?: Measured | undefined
    }
  /** What was asked for cannot be done, now or ever. */
  | { to: 'failed'; message: string }
  /** Handed back in good order: no crash is counted. */
  | { to: 'queued'; reason: 'preempted' }
  | { to: 'queued'; reason: 'worker_error' | 'lease_expired'; message: string }
  | { to: 'cancelled' }

/**
 * Ends the claim; result, metrics, quarantine and the job's event commit together. A task that is being cancelled ends `cancelled` whatever `end`
 * says, and the third crash ends it in `failed (poison)`. FencedError.
 */
export async function finishTask(db: Database, fence: TaskFence, end: TaskEnd): Promise<Task> {
  const { taskId, epoch } = fence
  return transaction(db, async (tx) => {
    const { damage, measured } = end.to === 'succeeded' ? end : {}
    const checkpointId = damage?.id ?? measured?.checkpointId
    // Job before task, the order in which a retention or a deletion locks them.
    const job = checkpointId === undefined ? null : await jobOf(tx, checkpointId)
    const { rows } = await tx.query<TaskRow>(`SELECT ${taskColumns} FROM task WHERE ${fenced} FOR UPDATE`, [
      taskId,
      epoch,
    ])
    const [task] = rows
    if (!task) throw new FencedError(fence)
    const moved = await endTask(tx, task, end)
    if (measured && job && moved.state === 'succeeded')
      await addMetricsIn(tx, measured.checkpointId, measured.measurements)
    if (damage && job && moved.state === 'succeeded') await quarantineIn(tx, job, damage, task.workerId!)
    return toTask(moved)
  })
}

async function jobOf(tx: Transaction, checkpointId: string): Promise<OwnedJobRow | null> {
  const checkpoint = await checkpointIn(tx, checkpointId)
  return checkpoint && lockJob(tx, checkpoint.jobId)
}

/** Ends the claim on a task whose row this transaction has locked. */
export function endTask(tx: Transaction, task: TaskRow, end: TaskEnd): Promise<TaskRow> {
  return moveTask(tx, task, decide(task, end))
}

function decide(task: TaskRow, end: TaskEnd): TaskMove {
  if (task.state === 'cancelling' || end.to === 'cancelled') return { to: 'cancelled', reason: 'user' }
  if (end.to === 'succeeded') return { to: 'succeeded', reason: 'done', result: end.result, output: end.output }
  if (end.to === 'failed') return { to: 'failed', reason: 'impossible', message: end.message }
  if (end.reason === 'preempted') return end
  const crashes = task.crashes + 1
  if (crashes < MAX_CRASHES) return { ...end, crashed: true }
  const message = `crashed ${crashes} times; the last time: ${end.reason}: ${end.message}`
  return { to: 'failed', reason: 'poison', message, crashed: true }
}
