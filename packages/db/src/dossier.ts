import { type Dossier, type Job, seriesNames, toWire } from '@kantor/contracts'
import { type Database, query } from './database.js'
import { toJob } from './job-row.js'

type PointRow = { step: number; criticStep: string } & Record<(typeof seriesNames)[number], number>

/** The newest `limit` points of the effective curve, oldest first. */
export async function newestPoints(db: Database, jobId: string, limit: number): Promise<Dossier['points']> {
  const rows = await query<PointRow>(
    db,
    `SELECT step, critic_step AS "criticStep", ${seriesNames.join(', ')} FROM curve_point
     WHERE job_id = $1 AND effective ORDER BY step DESC LIMIT $2`,
    [jobId, limit],
  )
  return rows.reverse().map((row) => ({
    step: row.step,
    criticStep: Number(row.criticStep),
    values: Object.fromEntries(seriesNames.map((name) => [name, toWire(row[name])])),
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
