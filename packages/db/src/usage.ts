import { type JobUsage, type UsageGroup, type UsageQuery, UsageRow } from '@kantor/contracts'
import { type Database, query } from './database.js'

const criteria: Record<UsageGroup, string> = {
  key: 'coalesce(api_key.name, job.key_id)',
  deviceClass: 'attempt.device_class',
  device: 'attempt.device',
  host: 'attempt.host',
  dataset: `job.spec->>'dataset'`,
  sweep: 'job.sweep_id::text',
  job: 'attempt.job_id::text',
}

/** The part of an attempt that lies within the range, and of all its time. */
const within = `extract(epoch FROM least(coalesce(ended_at, clock_timestamp()), $2::timestamptz) - greatest(attempt.started_at, $1::timestamptz))::float8`
const whole = `nullif(extract(epoch FROM coalesce(ended_at, clock_timestamp()) - attempt.started_at)::float8, 0)`

const amounts = `count(DISTINCT job_id)::int AS jobs, count(*)::int AS attempts, coalesce(sum(seconds), 0) AS seconds,
  coalesce(sum(seconds) FILTER (WHERE device_class = 'gpu'), 0) AS "gpuSeconds", coalesce(sum(cpu_seconds * coalesce(seconds / whole, 1)), 0) AS "cpuSeconds"`

type Amounts = Omit<UsageRow, 'group'>

/**
 * Machine time by group, the most first. An attempt that reaches over an end of the range counts with its part of it, its processor
 * time in proportion. Jobs that were imported used other machines.
 */
export async function readUsage(db: Database, { groupBy, from, to }: Omit<UsageQuery, 'format'>): Promise<UsageRow[]> {
  const names = groupBy.map((group) => `${criteria[group]} AS "${group}"`)
  const groups = groupBy.map((group) => `"${group}"`).join(', ')
  const rows = await query<Amounts & Partial<Record<UsageGroup, string | null>>>(
    db,
    `SELECT ${groups}, ${amounts} FROM (
       SELECT ${[...names, 'attempt.job_id', 'attempt.device_class', 'cpu_seconds'].join(', ')}, ${within} AS seconds, ${whole} AS whole
       FROM attempt JOIN job ON job.id = attempt.job_id LEFT JOIN api_key ON api_key.id = job.key_id
       WHERE job.imported_from IS NULL AND attempt.started_at < $2::timestamptz AND coalesce(ended_at, 'infinity') > $1::timestamptz
     ) AS part GROUP BY ${groups} ORDER BY seconds DESC, ${groups}`,
    [from ?? '-infinity', to ?? 'infinity'],
  )
  return rows.map(({ jobs, attempts, seconds, gpuSeconds, cpuSeconds, ...group }) =>
    UsageRow.parse({ group, jobs, attempts, seconds, gpuSeconds, cpuSeconds }),
  )
}

/** Of all attempts at one job; zeros for an unknown one, and for one that was imported. */
export async function readJobUsage(db: Database, jobId: string): Promise<Omit<JobUsage, 'jobId'>> {
  const [row] = await query<Amounts>(
    db,
    `SELECT ${amounts} FROM (
       SELECT job_id, device_class, cpu_seconds, ${whole} AS seconds, ${whole} AS whole FROM attempt JOIN job ON job.id = job_id AND imported_from IS NULL WHERE job_id = $1
     ) AS part`,
    [jobId],
  )
  const { jobs: _, ...usage } = row!
  return usage
}
