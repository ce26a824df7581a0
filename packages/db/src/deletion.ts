import { AppError, isTerminal } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from './database.js'
import { existing, refusal } from './verbs.js'

/** Segments of the curve per statement, a million points: each stays well below the statement timeout. */
const BATCH = 1000
const MAX_NAMED = 5

/**
 * Deletes the rows of a job that is over, all or nothing. Its objects are the caller's affair, and come after: an object without a
 * row is litter, a row without its object would be a lie. AppError `not-found`, `invalid-state`, or `checkpoint-in-use` while another
 * job starts from one of its checkpoints.
 */
export async function deleteJob(db: Database, id: string): Promise<void> {
  await transaction(db, async (tx) => {
    const job = await existing(tx, id)
    if (!isTerminal(job.state)) throw refusal(job, 'delete')
    await assertUnused(tx, id)
    let deleted: number | null
    do {
      const { rowCount } = await tx.query(
        `DELETE FROM curve_segment WHERE ctid = ANY(ARRAY(SELECT ctid FROM curve_segment WHERE job_id = $1 LIMIT ${BATCH}))`,
        [id],
      )
      deleted = rowCount
    } while (deleted === BATCH)
    await tx.query('DELETE FROM job WHERE id = $1', [id])
  })
}

async function assertUnused(tx: Transaction, id: string): Promise<void> {
  // A job that is submitted meanwhile with such a checkpoint waits for this lock, and is then refused.
  await tx.query('SELECT id FROM checkpoint WHERE job_id = $1 FOR UPDATE', [id])
  const { rows } = await tx.query<{ id: string }>(
    `SELECT id FROM job WHERE start_checkpoint_id IN (SELECT id FROM checkpoint WHERE job_id = $1)
     ORDER BY id LIMIT ${MAX_NAMED + 1}`,
    [id],
  )
  if (rows.length === 0) return
  const named = rows.slice(0, MAX_NAMED).map((row) => row.id)
  const more = rows.length > MAX_NAMED ? ' and others' : ''
  throw new AppError(
    'checkpoint-in-use',
    `its checkpoints are what ${rows.length === 1 ? 'job' : 'jobs'} ${named.join(', ')}${more} started from; delete those first`,
  )
}
