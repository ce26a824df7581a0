// One claim of one task, from claim to booking.
import type { Task, TaskKind } from '@kantor/contracts'
import { type ClaimedTask, claimTask, FencedError, finishTask, renewTaskLease, type TaskEnd } from '@kantor/db'
import { crashpoint } from '@kantor/runtime'
import { Intent, Interrupted } from '../intent.js'
import { holdLease } from '../lease.js'
import { outlast } from '../patience.js'
import type { WorkerDeps } from '../run-attempt.js'
import { Impossible, taskKinds, type TaskOutcome, type TaskWork } from './registry.js'

export type TaskDeps = Omit<WorkerDeps, 'device' | 'stallSeconds'>

/** Claims the oldest task and works on it until it is booked; null when there is none. `leave` hands it back, without a crash. */
export async function runTask(deps: TaskDeps, leave: AbortSignal): Promise<Task['state'] | 'fenced' | null> {
  const { db, workerId, leaseSeconds } = deps
  const claimedAt = performance.now()
  const claim = await claimTask(db, { workerId, leaseSeconds })
  if (!claim) return null
  crashpoint('task-claimed')

  const { fence, task } = claim
  const log = deps.log.child({ taskId: task.id, kind: task.kind, attempt: task.attempt })
  log.info({ checkpointId: task.checkpointId }, 'claimed a task')
  const intent = new Intent()
  const preempt = () => intent.raise('preempt')
  if (leave.aborted) preempt()
  else leave.addEventListener('abort', preempt)
  const lease = holdLease(
    {
      leaseSeconds,
      renew: () => renewTaskLease(db, fence, leaseSeconds),
      heed: ({ state }) => void (state === 'cancelling' && intent.raise('cancel')),
      onLost: () => intent.raise('lost'),
      log,
    },
    claimedAt,
  )
  try {
    const end = await work(claim, { ...deps, log }, intent)
    // The booking is fenced by itself; a renewal that came behind it would take it for somebody else's.
    await lease.release()
    return await book(deps, { claim, end, intent })
  } finally {
    await lease.release()
    leave.removeEventListener('abort', preempt)
  }
}

/** How it ended; null when it is no longer ours. */
async function work(
  { task, checkpoint }: ClaimedTask,
  { db, store, dataDir, log }: TaskDeps,
  intent: Intent,
): Promise<TaskEnd | null> {
  try {
    const signal = intent.reached('preempt')
    const run = taskKinds[task.kind] as (work: TaskWork) => Promise<TaskOutcome<TaskKind>>
    const { result, output, fault, measurements } = await run({ task, checkpoint, db, store, dataDir, signal, log })
    const damage = fault === undefined ? undefined : { id: checkpoint.id, fault }
    if (damage) log.error({ checkpointId: checkpoint.id, fault }, 'checkpoint_corrupt: quarantined')
    const measured = measurements && { checkpointId: checkpoint.id, measurements }
    return { to: 'succeeded', result, output, damage, measured }
  } catch (error) {
    if (intent.current === 'lost') return null
    if (intent.current === 'cancel') return { to: 'cancelled' }
    if (error instanceof Interrupted) return { to: 'queued', reason: 'preempted' }
    if (error instanceof Impossible) return { to: 'failed', message: error.message }
    log.error({ err: error }, 'the task broke down')
    return { to: 'queued', reason: 'worker_error', message: error instanceof Error ? error.message : String(error) }
  }
}

async function book(
  { db, log }: TaskDeps,
  { claim, end, intent }: { claim: ClaimedTask; end: TaskEnd | null; intent: Intent },
): Promise<Task['state'] | 'fenced'> {
  if (end === null) return 'fenced'
  const patience = { signal: intent.reached('lost'), log }
  try {
    const { state, reason, message } = await outlast('booking', () => finishTask(db, claim.fence, end), patience)
    log.info({ taskId: claim.task.id, state, reason, message }, 'task ended')
    return state
  } catch (error) {
    if (!(error instanceof FencedError) && !(error instanceof Interrupted)) throw error
    log.warn({ taskId: claim.task.id }, 'the task belongs to another worker, or is gone: nothing was written')
    return 'fenced'
  }
}
