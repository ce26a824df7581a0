import { ownedStates } from '@kantor/contracts'
import { endAttempt } from './attempts.js'
import { type Database, transaction, type Transaction } from './database.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'

/** How many jobs each became. */
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
export async function reconcile(db: Database): Promise<Reconciled> {
  const total: Reconciled = { requeued: 0, cancelled: 0, failed: 0 }
  for (;;) {
    const states = await transaction(db, takeBack)
    total.requeued += states.filter((state) => state === 'queued').length
    total.cancelled += states.filter((state) => state === 'cancelled').length
    total.failed += states.filter((state) => state === 'failed').length
    if (states.length < BATCH) return total
  }
}

async function takeBack(tx: Transaction): Promise<string[]> {
  const { rows } = await tx.query<OwnedJobRow>(
    `SELECT ${jobColumns} FROM job WHERE lease_until < now() AND state = ANY($1)
     ORDER BY lease_until LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
    [ownedStates],
  )
  const states: string[] = []
  for (const job of rows) {
    const message = `worker ${job.workerId} stopped renewing its lease`
    const moved = await endAttempt(tx, job, { to: 'queued', reason: 'lease_expired', message }, 'reconciler')
    states.push(moved.state)
  }
  return states
}
