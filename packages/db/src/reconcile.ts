import { ownedStates } from '@kantor/contracts'
import { endAttempt } from './attempts.js'
import { type Database, transaction, type Transaction } from './database.js'
import { leaseRanOut } from './fence.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'
import { endTask } from './task-leases.js'
import { taskColumns, type TaskRow } from './tasks.js'

/** How many jobs, or tasks, each became. */
export interface Reconciled {
  requeued: number
  cancelled: number
  failed: number
}

const BATCH = 100

/**
 * Takes jobs back whose lease ran out on the database's clock: queued again (`lease_expired`, which counts as a crash and may end in
 * `poison`), or cancelled when that was asked for. Tickets that got lost need nothing here: `drawTickets` draws them again.
 */
export const reconcile = (db: Database): Promise<Reconciled> => inBatches(db, takeJobsBack)

/** The same for tasks. */
export const reconcileTasks = (db: Database): Promise<Reconciled> => inBatches(db, takeTasksBack)

async function inBatches(db: Database, takeBack: (tx: Transaction) => Promise<string[]>): Promise<Reconciled> {
  const total: Reconciled = { requeued: 0, cancelled: 0, failed: 0 }
  for (;;) {
    const states = await transaction(db, takeBack)
    total.requeued += states.filter((state) => state === 'queued').length
    total.cancelled += states.filter((state) => state === 'cancelled').length
    total.failed += states.filter((state) => state === 'failed').length
    if (states.length < BATCH) return total
  }
}

const silent = (workerId: string | null) => `worker ${workerId} stopped renewing its lease`

async function takeJobsBack(tx: Transaction): Promise<string[]> {
  const { rows } = await tx.query<OwnedJobRow>(
    `SELECT ${jobColumns} FROM job WHERE ${leaseRanOut} AND state = ANY($1)
     ORDER BY lease_until LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
    [ownedStates],
  )
  const states: string[] = []
  for (const job of rows) {
    const end = { to: 'queued', reason: 'lease_expired', message: silent(job.workerId) } as const
    states.push((await endAttempt(tx, job, end, 'reconciler')).state)
  }
  return states
}

async function takeTasksBack(tx: Transaction): Promise<string[]> {
  const { rows } = await tx.query<TaskRow>(
    `SELECT ${taskColumns} FROM task WHERE ${leaseRanOut} ORDER BY lease_until LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
  )
  const states: string[] = []
  for (const task of rows) {
    const end = { to: 'queued', reason: 'lease_expired', message: silent(task.workerId) } as const
    states.push((await endTask(tx, task, end)).state)
  }
  return states
}
