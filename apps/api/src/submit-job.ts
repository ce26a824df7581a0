import { setImmediate } from 'node:timers/promises'
import { AppError, type Job } from '@kantor/contracts'
import { countQueued, createJobs, type Database, joinedTransaction, type NewJob } from '@kantor/db'
import { resolveJobs, type Submission, type Submitter } from './resolve-jobs.js'

const QUEUE_RETRY_SECONDS = 30

/** Resolves all jobs and writes them at once, all or none. No queue is touched: the row is the job. AppError as `resolveJobs`. */
export async function submitJobs(db: Database, submissions: Submission[], by: Submitter): Promise<Job[]> {
  const resolved = await resolveJobs(db, submissions, by)
  const created = await createWithin(
    db,
    resolved.map(({ job }) => job),
    by,
  )
  // Writing down a thousand is the next long piece of work: others get their turn before.
  if (created.length > 1) await setImmediate()
  return created
}

/** AppError `queue-full` when the key would have more jobs waiting than it may. */
async function createWithin(db: Database, jobs: NewJob[], { keyId, quotas }: Submitter): Promise<Job[]> {
  const most = quotas?.maxQueued
  if (!keyId || most === undefined || most === null) return createJobs(db, jobs)
  return joinedTransaction(db, async (joined) => {
    const waiting = await countQueued(joined, keyId)
    if (waiting + jobs.length <= most) return createJobs(joined, jobs)
    const asked = jobs.length === 1 ? '' : ` and ${jobs.length} more were asked for`
    throw new AppError('queue-full', `${waiting} of the ${most} jobs that this key may have waiting do${asked}`, {
      retryAfterSeconds: QUEUE_RETRY_SECONDS,
    })
  })
}
