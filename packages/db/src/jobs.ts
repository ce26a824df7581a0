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
import { type Database, query, transaction } from './database.js'
import { jobColumns, type JobRow, toJob } from './job-row.js'
import { lockJob, moveJob } from './transition.js'

export interface NewJob {
  job: Omit<CreateJob, 'preset' | 'spec'> & { spec: JobSpec }
  lint: Lint[]
  /** Who asks: the key's name or id. */
  actor: string
  /** The key that counts it as its own; null without authentication. */
  keyId?: string | null
}

/** Writes the job and its first event at once. The id is a UUIDv7: ids sort by age. */
export async function createJob(db: Database, input: NewJob): Promise<Job> {
  return (await createJobs(db, [input]))[0]!
}

/** All of them or, when one is refused, none; in one statement, so that a thousand jobs cost one round trip. The ids keep their order. */
export async function createJobs(db: Database, inputs: NewJob[]): Promise<Job[]> {
  const column = (read: (input: NewJob) => unknown) => inputs.map(read)
  const json = (read: (input: NewJob) => unknown) => inputs.map((input) => JSON.stringify(read(input)))
  const rows = await query<JobRow>(
    db,
    `WITH new AS (
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
         $10::text[]) AS new(id, name, tags, notes, priority, device, spec, lint, key_id, actor)
     ), made AS (
       INSERT INTO job (id, name, tags, notes, priority, device, spec, lint, key_id, state, reason, event_seq)
       SELECT id, name, tags::jsonb, notes, priority, device, spec::jsonb, lint::jsonb, key_id, 'queued', 'submitted', 1 FROM new
       RETURNING ${jobColumns}
     ), events AS (
       INSERT INTO job_event (job_id, seq, actor, to_state, reason, epoch)
       SELECT id, 1, actor, 'queued', 'submitted', 0 FROM new
     )
     SELECT * FROM made ORDER BY id`,
    [
      column(() => uuidv7()),
      column(({ job }) => job.name),
      json(({ job }) => job.tags),
      column(({ job }) => job.notes),
      column(({ job }) => job.priority),
      column(({ job }) => job.spec.device),
      json(({ job }) => job.spec),
      json(({ lint }) => lint),
      column(({ keyId }) => keyId ?? null),
      column(({ actor }) => actor),
    ],
  )
  return rows.map(toJob)
}

export async function getJob(db: Database, id: string): Promise<Job | null> {
  const [row] = await query<JobRow>(db, `SELECT ${jobColumns} FROM job WHERE id = $1`, [id])
  return row ? toJob(row) : null
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
