// What jobs took of the machines: part of the route table.
import { z } from 'zod'
import type { Route } from './routes.js'
import { JobUsage, Usage, UsageQuery } from './usage.js'

export const usageRoutes = {
  getUsage: {
    method: 'GET',
    path: '/usage',
    scope: 'read',
    summary: 'Machine time by key, device, host, dataset, sweep or job, the most first; deleted jobs are not in it',
    query: UsageQuery,
    status: 200,
    reply: Usage,
    replyAlso: ['text/csv'],
  },
  getJobUsage: {
    method: 'GET',
    path: '/jobs/:id/usage',
    scope: 'read',
    summary: 'Machine time of all attempts at a job',
    params: z.strictObject({ id: z.uuid() }),
    status: 200,
    reply: JobUsage,
  },
} as const satisfies Record<string, Route>
