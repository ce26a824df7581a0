import { ownedStates } from '@kantor/contracts'
import { type Database, query, transaction, type Transaction } from './database.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'

/** What a claim hands to its worker; every write of the worker carries it. */
export interface Fence {
  jobId: string
  /** The attempt's number. */
  epoch: number
}

/** The same for a task. */
export interface TaskFence {
  taskId: string
  epoch: number
}

/** What was claimed is no longer this attempt's: nothing was written, stop working on it. */
export class FencedError extends Error {
  override name = 'FencedError'

  constructor(fence: Fence | TaskFence) {
    const claimed = 'jobId' in fence ? `job ${fence.jobId}` : `task ${fence.taskId}`
    super(`attempt ${fence.epoch} no longer owns ${claimed}`)
  }
}

/** The fence of every write to a table whose rows are claimed, with the row's id in $1 and the epoch in $2. */
export const fencedIn = (owned: readonly string[]): string =>
  `id = $1 AND epoch = $2 AND state IN (${owned.map((state) => `'${state}'`).join(', ')})`

/** That of jobs. */
export const fenced = fencedIn(ownedStates)

/** The end of a lease that is given or renewed now, with its seconds in `placeholder`. Only the database's clock is asked. */
export const leaseOf = (placeholder: string): string => `clock_timestamp() + make_interval(secs => ${placeholder})`

/** True of a row whose owner fell silent. */
export const leaseRanOut = 'lease_until < clock_timestamp()'

/** A refused write stays as a number with its attempt. Its loss is no reason to keep the FencedError from the caller. */
export async function countRefusal(db: Database, { jobId, epoch }: Fence): Promise<void> {
  await query(db, 'UPDATE attempt SET fenced_writes = fenced_writes + 1 WHERE job_id = $1 AND epoch = $2', [
    jobId,
    epoch,
  ]).catch(() => {})
}

async function counted<T>(db: Database, fence: Fence, write: Promise<T>): Promise<T> {
  return write.catch(async (error: unknown) => {
    if (error instanceof FencedError) await countRefusal(db, fence)
    throw error
  })
}

/** Runs `work` with the job's row locked, if the fence still holds. FencedError otherwise. */
export async function fencedTransaction<T>(
  db: Database,
  fence: Fence,
  work: (tx: Transaction, job: OwnedJobRow) => Promise<T>,
): Promise<T> {
  const write = transaction(db, async (tx) => {
    const { rows } = await tx.query<OwnedJobRow>(`SELECT ${jobColumns} FROM job WHERE ${fenced} FOR UPDATE`, [
      fence.jobId,
      fence.epoch,
    ])
    if (!rows[0]) throw new FencedError(fence)
    return work(tx, rows[0])
  })
  return counted(db, fence, write)
}

/**
 * Takes the next number of the job's curve inside the fence and runs `work` with it. The row stays locked until the commit,
 * so numbers become visible in their order and a reader that has seen n has seen everything up to n.
 */
export async function sequencedTransaction<T>(
  db: Database,
  fence: Fence,
  work: (tx: Transaction, seq: string) => Promise<T>,
): Promise<T> {
  const write = transaction(db, async (tx) => {
    const { rows } = await tx.query<{ seq: string }>(
      `UPDATE job SET curve_seq = curve_seq + 1 WHERE ${fenced} RETURNING curve_seq AS seq`,
      [fence.jobId, fence.epoch],
    )
    if (!rows[0]) throw new FencedError(fence)
    return work(tx, rows[0].seq)
  })
  return counted(db, fence, write)
}
