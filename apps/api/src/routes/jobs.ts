import { setImmediate } from 'node:timers/promises'
import { AppError, applyPreset, type Job } from '@kantor/contracts'
import { countJobs, type Database, getJob, holdQueue, listAttempts, listEvents, listJobs } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { sendJob } from '../entity-tag.js'
import { register } from '../register.js'
import { planJob } from '../plan-job.js'
import { refuseWithMore, type Submission } from '../resolve-jobs.js'
import { submitJobs } from '../submit-job.js'

export function jobRoutes(app: FastifyInstance): void {
  const whyWaiting = holdQueue(app.deps.db)
  // Attached: what is wrong with a dataset, or too much for any device, is told together with the rest.
  register(
    app,
    'createJob',
    async ({ query, body, by, db, request, reply }) => {
      if (request.validationError)
        throw await refuseWithMore(db, [{ body: request.body, pointer: '' }], request.validationError, by)
      if (query.dryRun === 'true') return planJob(db, body, by)
      const [job] = await submitJobs(db, [{ body, pointer: '' }], by)
      reply.header('location', `/jobs/${job!.id}`)
      return job!
    },
    {
      attachValidation: true,
      preValidation: async (request) => {
        request.body = applyPreset(request.body)
      },
    },
  )
  register(
    app,
    'createJobs',
    async ({ body, by, db, request }) => {
      if (request.validationError)
        throw await refuseWithMore(db, inBatch(jobsIn(request.body)), request.validationError, by)
      return { items: await submitJobs(db, inBatch(body.jobs), by) }
    },
    {
      attachValidation: true,
      preValidation: async ({ body }) => {
        // Reading a thousand jobs and checking them takes some 30 ms each; others get their turn in between.
        await setImmediate()
        const jobs = jobsIn(body)
        jobs.forEach((job, index) => (jobs[index] = applyPreset(job)))
      },
    },
  )

  const withWaiting = async (jobs: Job[]): Promise<Job[]> => {
    const waiting = await whyWaiting(jobs.filter(({ state }) => state === 'queued').map(({ id }) => id))
    return jobs.map((job) => ({ ...job, waiting: waiting.get(job.id) }))
  }
  register(app, 'listJobs', async ({ query, db }) => {
    const { fields, includeTotal, ...options } = query
    const { items, nextCursor } = await listJobs(db, options)
    const shown = fields?.includes('waiting') ? await withWaiting(items) : items
    return {
      items: fields ? shown.map((job) => only(job, fields)) : shown,
      nextCursor,
      ...(includeTotal === 'true' && { total: await countJobs(db, options) }),
    }
  })
  register(app, 'getJob', async ({ params, db, request, reply }) => {
    const [job] = await withWaiting([await existingJob(db, params.id)])
    return sendJob(job!, request, reply)
  })
  register(app, 'listEvents', async ({ params, db }) => {
    const items = await listEvents(db, params.id)
    if (items.length === 0) await existingJob(db, params.id)
    return { items }
  })
  register(app, 'listAttempts', async ({ params, db }) => {
    const items = await listAttempts(db, params.id)
    if (items.length === 0) await existingJob(db, params.id)
    return { items }
  })
}

/** A job with only these keys, and its id. The type goes on to promise all of them, as the table of routes says. */
function only(job: Job, fields: readonly (keyof Job)[]): Job {
  const kept: readonly string[] = ['id', ...fields]
  return Object.fromEntries(Object.entries(job).filter(([key]) => kept.includes(key))) as unknown as Job
}

/** The jobs of a batch that may not be valid. */
function jobsIn(body: unknown): unknown[] {
  const jobs = typeof body === 'object' && body !== null && 'jobs' in body ? body.jobs : undefined
  return Array.isArray(jobs) ? jobs : []
}

const inBatch = <Body>(jobs: Body[]): Submission<Body>[] =>
  jobs.map((body, index) => ({ body, pointer: `/jobs/${index}` }))

/** AppError `not-found`. */
export async function existingJob(db: Database, id: string): Promise<Job> {
  const job = await getJob(db, id)
  if (!job) throw new AppError('not-found', `there is no job ${id}`)
  return job
}
