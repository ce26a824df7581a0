// What leaves the service in other tools' formats: part of the route table.
import { z } from 'zod'
import type { Job } from './job.js'
import type { Route } from './routes.js'

const Id = z.strictObject({ id: z.uuid() })

/** The name by which TensorBoard knows a job's event file. */
export const eventFileName = ({ id, createdAt }: Pick<Job, 'id' | 'createdAt'>): string =>
  `events.out.tfevents.${Math.floor(Date.parse(createdAt) / 1000)}.${id}`

export const outletRoutes = {
  downloadTensorBoard: {
    method: 'GET',
    path: '/jobs/:id/tensorboard',
    scope: 'read',
    summary:
      'The effective curve, the samples and the spec as one TensorBoard event file; for a job that is over always the same bytes',
    params: Id,
    status: 200,
    reply: 'application/octet-stream',
    streamed: true,
  },
} as const satisfies Record<string, Route>
