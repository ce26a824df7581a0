import {
  type CreateSweep,
  isOwned,
  isTerminal,
  JobState,
  lintSweep,
  type MovingVerb,
  moves,
  Sweep,
  type SweepState,
} from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Page, type PageQuery, readSweepCursor, sweepCursor, toPage } from './cursor.js'
import { type Database, query } from './database.js'

export interface NewSweep extends Omit<CreateSweep, 'preset' | 'seeds' | 'maxRunning'> {
  /** Of every configuration; empty when the search sets the seed. */
  seeds: number[]
  maxRunning: number | null
  configurations: number
  trials: number
  keyId: string | null
}

interface SweepRow extends Omit<NewSweep, 'keyId'> {
  id: string
  createdAt: Date
  counts: Partial<Record<JobState, number>>
}

const columns = `id, name, tags, priority, spec, search, seeds, objective, max_running AS "maxRunning", configurations, trials,
  created_at AS "createdAt", coalesce((
    SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM job WHERE sweep_id = sweep.id GROUP BY state) AS counted
  ), '{}') AS counts`

/** Writes the sweep alone; its trials are jobs, to be created in the same transaction. The id. */
export async function createSweep(db: Database, sweep: NewSweep): Promise<string> {
  const id = uuidv7()
  await query(
    db,
    `INSERT INTO sweep (id, name, tags, priority, spec, search, seeds, objective, max_running, configurations, trials, key_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      id,
      sweep.name,
      sweep.tags,
      sweep.priority,
      JSON.stringify(sweep.spec),
      JSON.stringify(sweep.search),
      sweep.seeds,
      sweep.objective,
      sweep.maxRunning,
      sweep.configurations,
      sweep.trials,
      sweep.keyId,
    ],
  )
  return id
}

export async function getSweep(db: Database, id: string): Promise<Sweep | null> {
  const [row] = await query<SweepRow>(db, `SELECT ${columns} FROM sweep WHERE id = $1`, [id])
  return row ? toSweep(row) : null
}

/** Newest first. */
export async function listSweeps(db: Database, { limit, cursor }: PageQuery): Promise<Page<Sweep>> {
  const rows = await query<SweepRow>(
    db,
    `SELECT ${columns} FROM sweep WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT ${limit + 1}`,
    [cursor === undefined ? null : readSweepCursor(cursor)],
  )
  return toPage(rows, limit, toSweep, ({ id }) => sweepCursor(id))
}

/**
 * The jobs of a sweep that a verb would move. Those that wait come before those at work: a slot that becomes free on the way is not
 * taken by the next trial.
 */
export async function trialsFor(db: Database, sweepId: string, verb: MovingVerb): Promise<string[]> {
  const states = (met: boolean) =>
    Object.entries(moves[verb]).flatMap(([from, to]) => ((to === 'same') === met ? from : []))
  // One that is where it should be may still be wished elsewhere, left over from a worker that was lost on the way.
  const rows = await query<{ id: string }>(
    db,
    `SELECT id FROM job WHERE sweep_id = $1 AND (state = ANY($2) OR (state = ANY($3) AND desired IS NOT NULL))
     ORDER BY lease_until IS NOT NULL, trial`,
    [sweepId, states(false), states(true)],
  )
  return rows.map(({ id }) => id)
}

/** Its spec and search are not checked again: they may break a rule that came later, and must stay readable. */
function toSweep({ spec, search, ...row }: SweepRow): Sweep {
  const counts = Object.fromEntries(JobState.options.map((state) => [state, row.counts[state] ?? 0])) as Sweep['counts']
  const sweep = Checked.parse({
    ...row,
    state: stateOf(counts),
    counts,
    lint: lintSweep(search),
    createdAt: row.createdAt.toISOString(),
  })
  return { ...sweep, spec, search }
}
const Checked = Sweep.omit({ spec: true, search: true })

function stateOf(counts: Sweep['counts']): SweepState {
  const some = (of: (state: JobState) => boolean) => JobState.options.some((state) => of(state) && counts[state] > 0)
  if (some(isOwned)) return 'running'
  if (counts.queued > 0) return some((state) => isTerminal(state) || state === 'paused') ? 'running' : 'queued'
  return counts.paused > 0 ? 'paused' : 'finished'
}
