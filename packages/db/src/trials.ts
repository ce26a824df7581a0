import { type Sweep, Trial, type TrialListQuery } from '@kantor/contracts'
import { type Page, readTrialCursor, toPage, trialCursor } from './cursor.js'
import { type Database, query } from './database.js'

interface TrialRow extends Omit<Trial, 'startedAt' | 'finishedAt'> {
  /** What the sort compares first, exact. */
  rank: string
  startedAt: Date | null
  finishedAt: Date | null
}

/** What each sort compares before the trial's number. */
const sorts = {
  trial: { rank: '0', order: 'ASC', beyond: '>' },
  '-trial': { rank: '0', order: 'DESC', beyond: '<' },
  best: {
    rank: `CASE WHEN state IN ('failed', 'cancelled') THEN 'Infinity' ELSE coalesce(value * sign, 'Infinity') END`,
    order: 'ASC',
    beyond: '>',
  },
} as const

/**
 * The trials of a sweep with what their newest good checkpoints say. Seeds change fastest, so that trials of one configuration stand
 * side by side. AppError `invalid-cursor`.
 */
export async function listTrials(
  db: Database,
  sweep: Sweep,
  { state, sort, limit, cursor }: Pick<TrialListQuery, 'state' | 'sort' | 'cursor'> & { limit: number },
): Promise<Page<Trial>> {
  const { rank, order, beyond } = sorts[sort]
  const after = cursor === undefined ? null : readTrialCursor(cursor, sort)
  const rows = await query<TrialRow>(
    db,
    `WITH trials AS (
       SELECT trial, (trial - 1) / $2::int + 1 AS configuration, job.id AS "jobId", parameters, (spec ->> 'seed')::int AS seed,
         state, reason, (progress ->> 'step')::int AS step, (progress ->> 'totalSteps')::int AS "totalSteps",
         (medians ->> $3::text)::float8 AS value, $4::int AS sign, coalesce(medians, '{}') AS metrics, newest.step AS "metricsStep",
         started_at AS "startedAt", finished_at AS "finishedAt"
       FROM job LEFT JOIN LATERAL (
         SELECT medians, step FROM checkpoint WHERE job_id = job.id AND NOT quarantined ORDER BY epoch DESC, step DESC LIMIT 1
       ) AS newest ON true
       WHERE sweep_id = $1 AND ($5::text[] IS NULL OR state = ANY($5))
     ), ranked AS (
       SELECT *, (${rank})::float8 AS ranking FROM trials
     )
     SELECT *, ranking::text AS rank FROM ranked
     WHERE $6::float8 IS NULL OR (ranking, trial) ${beyond} ($6::float8, $7::int)
     ORDER BY ranking ${order}, trial ${order} LIMIT ${limit + 1}`,
    [
      sweep.id,
      Math.max(1, sweep.seeds.length),
      sweep.objective.metric,
      sweep.objective.goal === 'max' ? -1 : 1,
      state ?? null,
      after?.value ?? null,
      after?.trial ?? null,
    ],
  )
  return toPage(rows, limit, toTrial, (row) => trialCursor({ value: row.rank, trial: row.trial }, sort))
}

const toTrial = ({ startedAt, finishedAt, ...row }: TrialRow): Trial =>
  Trial.parse({
    ...row,
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  })
