import { JobState } from '@kantor/contracts'
import { type Database, query } from './database.js'
import { countSlots, type Slots } from './fleet.js'
import type { DeviceClass } from './workers.js'

/** What the whole service looks like at one moment. */
export interface Figures {
  jobs: Record<JobState, number>
  /** Since the oldest queued job was submitted; 0 when none waits. */
  oldestQueuedSeconds: number
  slots: Record<DeviceClass, Slots>
  /** Writes of attempts that had lost their job, all refused. */
  fencedWrites: number
  /** Sum over all jobs of the highest step in their curves. */
  curveSteps: number
}

/** Reads every job's row: ask every few seconds at most. */
export async function readFigures(db: Database): Promise<Figures> {
  const states = await query<{ state: JobState; n: number; age: number | null; steps: number }>(
    db,
    `SELECT state, count(*)::int AS n, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS age,
       sum(curve_last_step)::float8 AS steps
     FROM job GROUP BY state`,
  )
  const [fenced] = await query<{ n: number }>(
    db,
    'SELECT coalesce(sum(fenced_writes), 0)::float8 AS n FROM attempt WHERE fenced_writes > 0',
  )
  const counted = new Map(states.map(({ state, n }) => [state, n]))
  return {
    jobs: Object.fromEntries(JobState.options.map((state) => [state, counted.get(state) ?? 0])) as Figures['jobs'],
    oldestQueuedSeconds: states.find(({ state }) => state === 'queued')?.age ?? 0,
    slots: await countSlots(db.pool),
    fencedWrites: fenced!.n,
    curveSteps: states.reduce((sum, { steps }) => sum + steps, 0),
  }
}

type Incident = 'lease_expired' | 'storage_paused'

/** A commit may be later than the time in its row: what is younger than this is left to the next look. */
const SETTLING = `interval '5 seconds'`

/** How often each happened after `since` (of an earlier reply); `until` is where the next look starts. Null starts now, with zeros. */
export async function countIncidents(
  db: Database,
  since: string | null,
): Promise<{ counts: Record<Incident, number>; until: string }> {
  const rows = await query<{ until: string; reason: Incident | null; n: number }>(
    db,
    `WITH look AS (SELECT clock_timestamp() - ${SETTLING} AS until)
     SELECT until::text, reason, count(at)::int AS n FROM look LEFT JOIN job_event
       ON reason IN ('lease_expired', 'storage_paused') AND at > coalesce($1::timestamptz, until) AND at <= until
     GROUP BY until, reason`,
    [since],
  )
  const count = (reason: Incident) => rows.find((row) => row.reason === reason)?.n ?? 0
  return {
    counts: { lease_expired: count('lease_expired'), storage_paused: count('storage_paused') },
    until: rows[0]!.until,
  }
}
