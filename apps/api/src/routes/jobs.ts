import { AppError, applyPreset, type Job } from '@kantor/contracts'
import { type Database, getJob, listEvents, listJobs, requestCancel } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { refuseWithDataset, submitJob } from '../submit-job.js'

export function jobRoutes(app: FastifyInstance, { db, wake }: ApiDeps): void {
  register(
    app,
    'createJob',
    async ({ body, actor, keyId, request, reply }) => {
      if (request.validationError) throw await refuseWithDataset(db, request.body, request.validationError)
      const job = await submitJob(db, body, { actor, keyId })
      wake()
      reply.header('location', `/jobs/${job.id}`)
      return job
    },
    {
      // What is wrong with the dataset is told together with the rest.
      attachValidation: true,
      preValidation: async (request) => {
        request.body = applyPreset(request.body)
      },
    },
  )

  register(app, 'listJobs', ({ query }) => listJobs(db, query))
  register(app, 'getJob', ({ params }) => existingJob(db, params.id))
  register(app, 'cancelJob', ({ params, actor }) => requestCancel(db, params.id, actor))
  register(app, 'listEvents', async ({ params }) => {
    const items = await listEvents(db, params.id)
    if (items.length === 0) await existingJob(db, params.id)
    return { items }
  })
}

/** AppError `not-found`. */
export async function existingJob(db: Database, id: string): Promise<Job> {
  const job = await getJob(db, id)
  if (!job) throw new AppError('not-found', `there is no job ${id}`)
  return job
}
