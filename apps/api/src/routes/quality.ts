import { AppError, type EvaluationRequest, metricsFor } from '@kantor/contracts'
import { createTask, type Database, getCheckpoint, getJob, getWeights, listMetrics, resolveDataset } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { evaluationMisfits } from '../evaluation-misfits.js'
import { validationFailed } from '../plugins/zod.js'
import { register } from '../register.js'
import { existingJob } from './jobs.js'

export function qualityRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'evaluateCheckpoint', async ({ params, body, db: joined, reply }) => {
    const asked = await fitted(db, params.id, body)
    const task = await createTask(joined, { kind: 'evaluate', checkpointId: params.id, params: asked })
    reply.header('location', `/tasks/${task.id}`)
    return task
  })
  register(app, 'listMetrics', async ({ params, query }) => {
    const page = await listMetrics(db, params.id, query)
    if (page.items.length === 0) await existingJob(db, params.id)
    return page
  })
}

/** Resolved, so that the task says what it measures. AppError `validation-failed` when a metric needs what is not there. */
async function fitted(db: Database, checkpointId: string, body: EvaluationRequest): Promise<EvaluationRequest> {
  const checkpoint = await getCheckpoint(db, checkpointId)
  if (!checkpoint) throw new AppError('not-found', `there is no checkpoint ${checkpointId}; old ones are not kept`)
  if (checkpoint.quarantined)
    throw new AppError(
      'invalid-state',
      'it was put aside: it is damaged, or a roll-back gave it up; evaluate another checkpoint of the job',
    )
  const { spec } = (await getJob(db, checkpoint.jobId))!
  const dataset = await resolveDataset(db, spec.dataset)
  if (!dataset) return body
  const extractor = body.extractor === undefined ? null : await getWeights(db, body.extractor)
  const errors = evaluationMisfits(body, { dataset, spec, extractor }, '')
  if (errors.length > 0) throw validationFailed(errors)
  return { ...body, metrics: body.metrics ?? metricsFor(dataset, body.extractor) }
}
