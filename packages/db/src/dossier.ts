import { type Dossier, type Job, seriesNames, toWire } from '@kantor/contracts'
import { readNewest } from './curve/points.js'
import { type Database, transaction } from './database.js'
import { toJob } from './job-row.js'

/** The newest `limit` points of the effective curve, oldest first. */
export async function newestPoints(db: Database, jobId: string, limit: number): Promise<Dossier['points']> {
  const points = await transaction(db, (tx) => readNewest(tx, jobId, seriesNames, { limit }))
  return points.map(({ step, criticStep, values }) => ({
    step,
    criticStep,
    values: Object.fromEntries([...values].map(([name, value]) => [name, toWire(value)])),
  }))
}

/** The newest succeeded jobs on a dataset. */
export async function succeededOn(db: Database, dataset: string, limit: number): Promise<Job[]> {
  const rows = await db.prisma.job.findMany({
    where: { state: 'succeeded', spec: { path: ['dataset'], equals: dataset } },
    orderBy: { id: 'desc' },
    take: limit,
  })
  return rows.map(toJob)
}
