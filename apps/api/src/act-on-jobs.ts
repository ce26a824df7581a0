import { type ActOnJobs, type ActResult, AppError, type BulkAction, type Job, MAX_BULK } from '@kantor/contracts'
import { askJob, type Database, deleteJob, joinedTransaction, matchJobs, setArchived } from '@kantor/db'
import { retryJob } from './continue-job.js'
import type { Submitter } from './resolve-jobs.js'

/** One action on many jobs: each by itself, so that one that refuses does not hold up the others. */
export async function actOnJobs(
  db: Database,
  { action, ids, filter, checkpoint }: ActOnJobs,
  by: Submitter,
): Promise<{ results: ActResult[]; more: boolean }> {
  const archivedToo = action === 'unarchive' || action === 'delete'
  const found = ids ?? (await matchJobs(db, { ...filter, archivedToo, limit: MAX_BULK + 1 }))
  const results: ActResult[] = []
  for (const id of new Set(found.slice(0, MAX_BULK))) {
    const one = { action, id, checkpoint, by }
    results.push(await resultOf(id, () => joinedTransaction(db, (joined) => act(joined, one))))
  }
  return { results, more: found.length > MAX_BULK }
}

interface One extends Pick<ActOnJobs, 'checkpoint'> {
  action: BulkAction
  id: string
  by: Submitter
}

/** The job as it is now; null when it is gone. */
async function act(db: Database, { action, id, checkpoint, by }: One): Promise<Job | null> {
  switch (action) {
    case 'retry':
      return retryJob(db, id, by)
    case 'archive':
    case 'unarchive':
      return setArchived(db, id, action === 'archive', by.actor)
    case 'delete':
      await deleteJob(db, id)
      return null
    default:
      return askJob(db, id, { verb: action, actor: by.actor, checkpoint })
  }
}

/** What refuses one job is told with it; an outage ends the whole call, since the next job would meet it too. */
async function resultOf(id: string, work: () => Promise<Job | null>): Promise<ActResult> {
  try {
    const job = await work()
    return { id, ok: true, state: job?.state ?? null, ...(job && job.id !== id && { newJobId: job.id }) }
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error
    const { code, detail, allowed, currentState } = error
    const told = { code, detail, ...(allowed && { allowed }) }
    return { id, ok: false, state: (currentState as Job['state'] | undefined) ?? null, error: told }
  }
}
