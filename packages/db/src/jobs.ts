import {
  AppError,
  type CreateJob,
  isOwned,
  type Job,
  JobEvent,
  type JobSpec,
  type JobState,
  type Lint,
} from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { jobCursor, type Page, type PageQuery, readJobCursor, toPage } from './cursor.js'
import { type Database, transaction } from './database.js'
import { toJob } from './job-row.js'
import { lockJob, moveJob } from './transition.js'

export interface NewJob {
  job: Omit<CreateJob, 'preset' | 'spec'> & { spec: JobSpec }
  lint: Lint[]
  /** Who asks: the key's name or id. */
  actor: string
}

/** Writes the job and its first event in one transaction. The id is a UUIDv7: ids sort by age. */
export async function createJob(db: Database, input: NewJob): Promise<Job> {
  const { job, lint, actor } = input
  const row = await db.prisma.job.create({
    data: {
      id: uuidv7(),
      name: job.name,
      tags: job.tags,
      notes: job.notes,
      priority: job.priority,
      device: job.spec.device,
      state: 'queued',
      reason: 'submitted',
      spec: job.spec,
      lint,
      eventSeq: 1,
      events: { create: { seq: 1, actor, toState: 'queued', reason: 'submitted', epoch: 0 } },
    },
  })
  return toJob(row)
}

export async function getJob(db: Database, id: string): Promise<Job | null> {
  const row = await db.prisma.job.findUnique({ where: { id } })
  return row && toJob(row)
}

/** Newest first. AppError `invalid-cursor` for a cursor of another list. */
export async function listJobs(
  db: Database,
  options: PageQuery & { state?: JobState[] | undefined },
): Promise<Page<Job>> {
  const rows = await db.prisma.job.findMany({
    where: {
      ...(options.state && { state: { in: options.state } }),
      ...(options.cursor !== undefined && { id: { lt: readJobCursor(options.cursor) } }),
    },
    orderBy: { id: 'desc' },
    take: options.limit + 1,
  })
  return toPage(rows, options.limit, toJob, (row) => jobCursor(row.id))
}

/**
 * A waiting job is cancelled at once; one that a worker owns becomes `cancelling`, which the worker sees when it renews its lease.
 * Once more changes nothing. AppError `not-found`, or `invalid-state` when the job ended in another way.
 */
export async function requestCancel(db: Database, id: string, actor: string): Promise<Job> {
  return transaction(db, async (tx) => {
    const job = await lockJob(tx, id)
    if (!job) throw new AppError('not-found', `there is no job ${id}`)
    if (job.state === 'cancelling' || job.state === 'cancelled') return toJob(job)
    const to = isOwned(job.state) ? 'cancelling' : 'cancelled'
    return toJob(await moveJob(tx, job, { to, reason: 'user', actor }))
  })
}

/** Every transition, oldest first; empty for an unknown job. */
export async function listEvents(db: Database, jobId: string): Promise<JobEvent[]> {
  const rows = await db.prisma.jobEvent.findMany({ where: { jobId }, orderBy: { seq: 'asc' } })
  return rows.map((row) =>
    JobEvent.parse({
      seq: row.seq,
      at: row.at.toISOString(),
      actor: row.actor,
      from: row.fromState,
      to: row.toState,
      reason: row.reason,
      message: row.message,
    }),
  )
}
