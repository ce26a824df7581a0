// Work on a checkpoint that is not training. A new kind is one variant here, one file in `apps/worker/src/tasks`, one line in its registry.
import { z } from 'zod'
import { Exported, ExportRequest } from './export.js'
import { Generate, Generated } from './generate.js'
import { Evaluation, EvaluationRequest } from './quality.js'

export const TaskKind = z.enum(['verify', 'generate', 'evaluate', 'export']).meta({ id: 'TaskKind' })
export type TaskKind = z.infer<typeof TaskKind>

/** Kinds that wait until no other task does: nobody looks at the clock for them. */
export const patientTasks = ['evaluate'] as const satisfies TaskKind[]

export const TaskState = z
  .enum(['queued', 'running', 'cancelling', 'cancelled', 'succeeded', 'failed'])
  .meta({ id: 'TaskState' })
export type TaskState = z.infer<typeof TaskState>

/** A worker holds the lease in these; its writes are fenced by `epoch = mine AND state IN owned`. */
export const ownedTaskStates = ['running', 'cancelling'] as const satisfies TaskState[]

/** The only moves there are; a state without moves is final. Enforced inside the transaction that makes the move. */
export const taskTransitions: Record<TaskState, readonly TaskState[]> = {
  queued: ['running', 'cancelled'],
  running: ['succeeded', 'failed', 'queued', 'cancelling'],
  cancelling: ['cancelled'],
  cancelled: [],
  succeeded: [],
  failed: [],
}

export const isOwnedTask = (state: TaskState): boolean => (ownedTaskStates as readonly TaskState[]).includes(state)
export const isFinishedTask = (state: TaskState): boolean => taskTransitions[state].length === 0

/**
 * Why a task is in its state. `done`: it has its result · `preempted`: its worker went down in good order · `worker_error`, `lease_expired`:
 * a crash, it is tried again · `poison`: three crashes, it failed · `impossible`: what was asked for cannot be done, it failed.
 */
export const TaskReason = z
  .enum(['submitted', 'claimed', 'done', 'user', 'preempted', 'worker_error', 'lease_expired', 'poison', 'impossible'])
  .meta({ id: 'TaskReason' })
export type TaskReason = z.infer<typeof TaskReason>

/** What the checkpoint's object was found to be. */
export const Verification = z
  .object({
    /** Size and hash are those of the checkpoint. One that is not intact is quarantined. */
    intact: z.boolean(),
    /** What was read; null when the object is missing. */
    sizeBytes: z.int().nullable(),
    sha256: z.string().nullable(),
    /** What is wrong with it, in words. */
    fault: z.string().nullable(),
  })
  .meta({ id: 'Verification' })
export type Verification = z.infer<typeof Verification>

const everyTask = {
  id: z.uuid(),
  checkpointId: z.uuid(),
  /** The job that the checkpoint is of. */
  jobId: z.uuid(),
  state: TaskState,
  reason: TaskReason,
  /** For people: what happened and what to do about it. */
  message: z.string().nullable(),
  /** Number of claims so far; the newest one's number fences all writes. */
  attempt: z.int(),
  worker: z.string().nullable(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
}

const VerifyTask = z.object({
  ...everyTask,
  kind: z.literal('verify'),
  /** Null until it has succeeded. */
  result: Verification.nullable(),
})

const GenerateTask = z.object({
  ...everyTask,
  kind: z.literal('generate'),
  /** What was asked for, defaults filled in. */
  params: Generate,
  result: Generated.nullable(),
})

const EvaluateTask = z.object({
  ...everyTask,
  kind: z.literal('evaluate'),
  params: EvaluationRequest,
  /** Null until it has succeeded. */
  result: Evaluation.nullable(),
})

const ExportTask = z.object({
  ...everyTask,
  kind: z.literal('export'),
  params: ExportRequest,
  result: Exported.nullable(),
})

export const Task = z
  .discriminatedUnion('kind', [VerifyTask, GenerateTask, EvaluateTask, ExportTask])
  .meta({ id: 'Task' })
export type Task = z.infer<typeof Task>

/** What tasks of this kind are asked for; undefined for those that are asked for nothing. */
export type TaskParams<K extends TaskKind = TaskKind> = K extends TaskKind
  ? Extract<Task, { kind: K }> extends { params: infer P }
    ? P
    : undefined
  : never

/** What a finished task of this kind found. */
export type TaskResult<K extends TaskKind = TaskKind> = NonNullable<Extract<Task, { kind: K }>['result']>
