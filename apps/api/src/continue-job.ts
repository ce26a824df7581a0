import {
  AppError,
  type CreateJob,
  type ForkJob,
  isObject,
  type Job,
  JobSpecInput,
  layer,
  takes,
} from '@kantor/contracts'
import { type Database, getJob, newestCheckpoint, refusal } from '@kantor/db'
import { existingJob } from './routes/jobs.js'
import type { Submitter } from './resolve-jobs.js'
import { submitJobs } from './submit-job.js'

/**
 * A new job with the same spec that goes on from the newest good checkpoint of one that failed, was stopped or cancelled; from scratch
 * when there is none. AppError `not-found`, `invalid-state`, `validation-failed`.
 */
export async function retryJob(db: Database, id: string, by: Submitter): Promise<Job> {
  const job = await existingJob(db, id)
  if (!takes(job.state, 'retry')) throw refusal(job, 'retry')
  const checkpoint = await newestCheckpoint(db, id)
  const { name, tags, notes, priority, spec } = job
  const startFrom = checkpoint ? { jobId: id, checkpoint: checkpoint.id } : (job.startFrom ?? undefined)
  return submitOne(db, { name, tags, notes, priority, spec, startFrom }, by)
}

/** A new job that starts from a checkpoint of this one, in any state. AppError `not-found`, `invalid-state`, `validation-failed`. */
export async function forkJob(db: Database, id: string, changes: ForkJob, by: Submitter): Promise<Job> {
  const job = await existingJob(db, id)
  const checkpoint = changes.checkpoint ?? (await newestCheckpoint(db, id))?.id
  if (checkpoint === undefined) {
    throw new AppError('invalid-state', 'the job has no checkpoint yet to start from; submit a new one instead', {
      currentState: job.state,
    })
  }
  const { name = job.name, tags = job.tags, notes = job.notes, priority = job.priority } = changes
  const spec = JobSpecInput.parse(changes.spec ?? job.spec)
  return submitOne(db, { name, tags, notes, priority, spec, startFrom: { jobId: id, checkpoint } }, by)
}

/** Lays the spec of a raw `POST /jobs/:id/fork` body over that of its job, before validation. Other bodies pass through unchanged. */
export async function inheritSpec(db: Database, id: string, body: unknown): Promise<unknown> {
  if (!isObject(body) || !isObject(body['spec'])) return body
  const job = await getJob(db, id)
  return job ? { ...body, spec: layer(job.spec, body['spec']) } : body
}

async function submitOne(db: Database, body: CreateJob, by: Submitter): Promise<Job> {
  const [job] = await submitJobs(db, [{ body, pointer: '' }], by)
  return job!
}
