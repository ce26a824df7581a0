import { JobSpec } from '@kantor/contracts'
import { type Database, query } from './database.js'
import type { DeviceClass } from './workers.js'

/** What one attempt did in how much time, start-up included. */
export interface MeasuredAttempt {
  spec: JobSpec
  channels: number
  numImages: number
  fromStep: number
  toStep: number
  seconds: number
}

/** The newest are enough, and tell of the machines that are there now. */
const ATTEMPTS = 200
/** In a shorter attempt the start of its trainer weighs too much. */
const MIN_SECONDS = 15
const MIN_STEPS = 10

/** The newest attempts on a device class that trained long enough to tell a speed, running ones among them. */
export async function measuredAttempts(db: Database, deviceClass: DeviceClass): Promise<MeasuredAttempt[]> {
  const rows = await query<Omit<MeasuredAttempt, 'spec'> & { spec: unknown }>(
    db,
    `SELECT spec, channels, "numImages", "fromStep", "toStep", seconds FROM (
       SELECT job.spec, dataset.channels, dataset.num_images AS "numImages", coalesce(resume_step, 0) AS "fromStep", to_step AS "toStep", attempt.started_at,
         extract(epoch FROM coalesce(ended_at, clock_timestamp()) - attempt.started_at)::float8 AS seconds
       FROM attempt JOIN job ON job.id = attempt.job_id
         JOIN dataset ON dataset.id = split_part(job.spec->>'dataset', '@', 1) AND dataset.version = split_part(job.spec->>'dataset', '@', 2)
       WHERE attempt.device_class = $1 AND to_step - coalesce(resume_step, 0) >= $2
       ORDER BY attempt.started_at DESC LIMIT $3
     ) AS newest WHERE seconds >= $4`,
    [deviceClass, MIN_STEPS, ATTEMPTS, MIN_SECONDS],
  )
  // A spec of an earlier release may not be one of ours any more.
  return rows.flatMap(({ spec, ...row }) => {
    const parsed = JobSpec.safeParse(spec)
    return parsed.success ? [{ ...row, spec: parsed.data }] : []
  })
}
