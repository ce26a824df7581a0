import { AppError, reasonCatalogue, remedyOf } from '@kantor/contracts'
import { listAttempts, listSamples, newestPoints, readLog, succeededOn } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { nearestJob } from '../spec-difference.js'
import { existingJob } from './jobs.js'

const POINTS = 50
const SAMPLES = 4
const LOG_LINES = 100
/** Jobs that the failed one is compared with. */
const CANDIDATES = 500

export function dossierRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'getDossier', async ({ params: { id } }) => {
    const job = await existingJob(db, id)
    if (job.state !== 'failed') {
      throw new AppError('invalid-state', `job ${id} is ${job.state}; only a failed job has a dossier`, {
        currentState: job.state,
        allowed: ['failed'],
      })
    }
    const [points, samples, attempts, log, others] = await Promise.all([
      newestPoints(db, id, POINTS),
      listSamples(db, id, { limit: SAMPLES }),
      listAttempts(db, id),
      readLog(db, id, { tail: LOG_LINES }),
      succeededOn(db, job.spec.dataset, CANDIDATES),
    ])
    const nearest = nearestJob(job, others)
    return {
      job,
      meaning: reasonCatalogue[job.reason].meaning,
      remedy: remedyOf(job.reason),
      points,
      samples: samples.items,
      attempts,
      log,
      nearest: nearest && { jobId: nearest.job.id, name: nearest.job.name, differences: nearest.differences },
    }
  })
}
