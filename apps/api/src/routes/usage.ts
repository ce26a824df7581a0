import { readJobUsage, readUsage } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { toCsv } from '../csv.js'
import { register } from '../register.js'
import { existingJob } from './jobs.js'

export function usageRoutes(app: FastifyInstance): void {
  register(app, 'getUsage', async ({ db, query, reply }) => {
    const items = await readUsage(db, query)
    if (query.format === 'json') return { items }
    const csv = toCsv(
      [...query.groupBy, 'jobs', 'attempts', 'seconds', 'gpuSeconds', 'cpuSeconds'],
      items.map(({ group, jobs, attempts, seconds, gpuSeconds, cpuSeconds }) => [
        ...query.groupBy.map((name) => group[name] ?? null),
        jobs,
        attempts,
        seconds,
        gpuSeconds,
        cpuSeconds,
      ]),
    )
    return reply.type('text/csv; charset=utf-8').send(csv)
  })
  register(app, 'getJobUsage', async ({ db, params: { id } }) => {
    const { id: jobId } = await existingJob(db, id)
    return { jobId, ...(await readJobUsage(db, jobId)) }
  })
}
