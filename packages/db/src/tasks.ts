import {
  AppError,
  isFinishedTask,
  isOwnedTask,
  Task,
  type TaskKind,
  type TaskParams,
  type TaskReason,
  type TaskResult,
  type TaskState,
  taskTransitions,
} from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Page, type PageQuery, readTaskCursor, taskCursor, toPage } from './cursor.js'
import { type Database, query, transaction, type Transaction } from './database.js'

/** A task's row: also what its leases need and no reader sees. */
export interface TaskRow {
  id: string
  kind: TaskKind
  checkpointId: string
  jobId: string
  state: TaskState
  reason: TaskReason
  message: string | null
  params: unknown
  result: unknown
  epoch: number
  workerId: string | null
  crashes: number
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
}

/** Select list for `TaskRow`. */
export const taskColumns = `id, kind, checkpoint_id AS "checkpointId",
  (SELECT job_id FROM checkpoint WHERE checkpoint.id = checkpoint_id) AS "jobId", state, reason, message, params, result, epoch,
  worker_id AS "workerId", crashes, created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt"`

export function toTask({ epoch, workerId, createdAt, startedAt, finishedAt, ...row }: TaskRow): Task {
  return Task.parse({
    ...row,
    attempt: epoch,
    worker: workerId,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  })
}

export interface NewTask {
  kind: TaskKind
  checkpointId: string
  /** Of the kind's own shape, defaults filled in. */
  params?: TaskParams | undefined
}

/** AppError `not-found` for a checkpoint that is not kept. Its tasks are deleted with it. */
export async function createTask(db: Database, { kind, checkpointId, params }: NewTask): Promise<Task> {
  const [row] = await query<TaskRow>(
    db,
    // Locked, so that the checkpoint is not retired between the look and the insertion.
    `WITH kept AS (SELECT id FROM checkpoint WHERE id = $3 FOR KEY SHARE)
     INSERT INTO task (id, kind, checkpoint_id, state, reason, params) SELECT $1, $2, id, 'queued', 'submitted', $4 FROM kept
     RETURNING ${taskColumns}`,
    [uuidv7(), kind, checkpointId, params === undefined ? null : JSON.stringify(params)],
  )
  if (!row) throw new AppError('not-found', `there is no checkpoint ${checkpointId}; old ones are not kept`)
  return toTask(row)
}

/** The newest task that was asked for the same of the same checkpoint and has done it, or may yet; null when there is none. */
export async function findSameTask(db: Database, { kind, checkpointId, params }: NewTask): Promise<Task | null> {
  const [row] = await query<TaskRow>(
    db,
    `SELECT ${taskColumns} FROM task WHERE checkpoint_id = $1 AND kind = $2 AND params = $3::jsonb
       AND state IN ('queued', 'running', 'succeeded') ORDER BY id DESC LIMIT 1`,
    [checkpointId, kind, JSON.stringify(params)],
  )
  return row ? toTask(row) : null
}

export interface TaskOutput {
  task: Task
  key: string
  sizeBytes: number
  sha256: string
}

/** Where a succeeded task's bytes are; null for a task that made none. AppError `not-found` without such a task. */
export async function taskOutput(db: Database, id: string): Promise<TaskOutput | null> {
  const [row] = await query<TaskRow>(db, `SELECT ${taskColumns} FROM task WHERE id = $1`, [id])
  if (!row) throw new AppError('not-found', `there is no task ${id}; tasks go with their checkpoint`)
  const output = row.result as { key?: string; sizeBytes: number; sha256: string } | null
  if (output?.key === undefined) return null
  return { task: toTask(row), key: output.key, sizeBytes: output.sizeBytes, sha256: output.sha256 }
}

export async function getTask(db: Database, id: string): Promise<Task | null> {
  const [row] = await query<TaskRow>(db, `SELECT ${taskColumns} FROM task WHERE id = $1`, [id])
  return row ? toTask(row) : null
}

export interface TaskFilter {
  state?: TaskState[] | undefined
  kind?: TaskKind[] | undefined
  /** Of the checkpoints of this job. */
  jobId?: string | undefined
}

/** On its own, not as one side of an OR: only so is it found by its index. */
const ofJob = 'AND checkpoint_id IN (SELECT id FROM checkpoint WHERE job_id = $5)'

/** Newest first. AppError `invalid-cursor` for a cursor of another list. */
export async function listTasks(db: Database, options: PageQuery & TaskFilter): Promise<Page<Task>> {
  const { state, kind, jobId, limit, cursor } = options
  const rows = await query<TaskRow>(
    db,
    `SELECT ${taskColumns} FROM task WHERE ($1::text[] IS NULL OR state = ANY($1)) AND ($2::text[] IS NULL OR kind = ANY($2))
       AND ($3::uuid IS NULL OR id < $3) ${jobId === undefined ? '' : ofJob}
     ORDER BY id DESC LIMIT $4`,
    [
      state ?? null,
      kind ?? null,
      cursor === undefined ? null : readTaskCursor(cursor),
      limit + 1,
      ...(jobId === undefined ? [] : [jobId]),
    ],
  )
  return toPage(rows, limit, toTask, (row) => taskCursor(row.id))
}

/**
 * At once while nobody works on it, else its worker reads the wish in the reply to its next lease renewal. Once more changes nothing.
 * AppError `not-found`; `invalid-state` when it is over in another way.
 */
export async function cancelTask(db: Database, id: string): Promise<Task> {
  return transaction(db, async (tx) => {
    const { rows } = await tx.query<TaskRow>(`SELECT ${taskColumns} FROM task WHERE id = $1 FOR UPDATE`, [id])
    const [task] = rows
    if (!task) throw new AppError('not-found', `there is no task ${id}; tasks go with their checkpoint`)
    if (task.state === 'cancelling' || task.state === 'cancelled') return toTask(task)
    if (isFinishedTask(task.state)) {
      throw new AppError('invalid-state', `the task is over: it has ${task.state}`, {
        currentState: task.state,
        allowed: [],
      })
    }
    const to = task.state === 'queued' ? 'cancelled' : 'cancelling'
    return toTask(await moveTask(tx, task, { to, reason: 'user' }))
  })
}

export interface TaskMove {
  to: TaskState
  reason: TaskReason
  message?: string | undefined
  /** With `succeeded`. */
  result?: TaskResult | undefined
  /** With `succeeded`: the key of the object that it made. */
  output?: string | undefined
  /** With `queued`: it was a crash. */
  crashed?: boolean
}

/**
 * Moves a task whose row this transaction has locked. What a state implies for the other columns is decided here alone: the lease lives
 * only in owned states, a queued task has no owner, a finished one has its time.
 */
export async function moveTask(tx: Transaction, task: TaskRow, move: TaskMove): Promise<TaskRow> {
  if (!taskTransitions[task.state].includes(move.to)) {
    throw new AppError('invalid-state', `a task that is ${task.state} cannot become ${move.to}`, {
      currentState: task.state,
      allowed: [...taskTransitions[task.state]],
    })
  }
  const { rows } = await tx.query<TaskRow>(
    `UPDATE task SET state = $2, reason = $3, message = $4, result = $5, crashes = crashes + $6::boolean::int,
       lease_until = CASE WHEN $7 THEN lease_until END,
       worker_id = CASE WHEN $8 THEN NULL ELSE worker_id END,
       finished_at = CASE WHEN $9 THEN clock_timestamp() END
     WHERE id = $1 RETURNING ${taskColumns}`,
    [
      task.id,
      move.to,
      move.reason,
      move.message ?? null,
      move.result === undefined ? null : { ...move.result, ...(move.output !== undefined && { key: move.output }) },
      move.crashed ?? false,
      isOwnedTask(move.to),
      move.to === 'queued',
      isFinishedTask(move.to),
    ],
  )
  return rows[0]!
}
