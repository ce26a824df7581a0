import { Attempt } from '@kantor/contracts'
import { type Database, query } from './database.js'

interface AttemptRow extends Omit<Attempt, 'startedAt' | 'endedAt' | 'exit' | 'usage'> {
  startedAt: Date
  endedAt: Date | null
  exitCode: number | null
  exitSignal: string | null
  seconds: number
  cpuSeconds: number | null
}

/** Every attempt at a job, oldest first; empty for an unknown job. */
export async function listAttempts(db: Database, jobId: string): Promise<Attempt[]> {
  const rows = await query<AttemptRow>(
    db,
    `SELECT epoch AS attempt, worker_id AS worker, host, device_class AS "deviceClass", device, started_at AS "startedAt",
       ended_at AS "endedAt", coalesce(resume_step, 0) AS "fromStep", to_step AS "toStep", outcome, reason, message,
       determinism, fenced_writes AS "fencedWrites", exit_code AS "exitCode", exit_signal AS "exitSignal", cpu_seconds AS "cpuSeconds",
       extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at)::float8 AS seconds
     FROM attempt WHERE job_id = $1 ORDER BY epoch`,
    [jobId],
  )
  return rows.map(({ exitCode, exitSignal, seconds, cpuSeconds, ...row }) =>
    Attempt.parse({
      ...row,
      startedAt: row.startedAt.toISOString(),
      endedAt: row.endedAt?.toISOString() ?? null,
      exit: exitCode === null && exitSignal === null ? null : { code: exitCode, signal: exitSignal },
      usage: { seconds, gpuSeconds: row.deviceClass === 'gpu' ? seconds : 0, cpuSeconds },
    }),
  )
}
