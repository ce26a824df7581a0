// Quality of checkpoints: part of the route table.
import { z } from 'zod'
import { EvaluationRequest, JobMetric } from './quality.js'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'
import { Task } from './tasks.js'

const Id = z.strictObject({ id: z.uuid() })

export const qualityRoutes = {
  evaluateCheckpoint: {
    method: 'POST',
    path: '/checkpoints/:id/evaluate',
    scope: 'submit',
    summary: 'Make images with a checkpoint and measure them against real ones: a task; its figures join the curve',
    params: Id,
    body: EvaluationRequest,
    status: 202,
    reply: Task,
  },
  listMetrics: {
    method: 'GET',
    path: '/jobs/:id/metrics',
    scope: 'read',
    summary: 'Quality metrics of a job’s checkpoints, latest step first, with the floor of real images',
    params: Id,
    query: z.strictObject({ limit: wholeNumber(1, 200).default(50), cursor: z.string().max(200).optional() }),
    status: 200,
    reply: z.object({ items: z.array(JobMetric), nextCursor: z.string().nullable() }),
  },
} as const satisfies Record<string, Route>
