import { AppError, type Checkpoint, type JobSpec } from '@kantor/contracts'
import { getCheckpoint } from './checkpoints.js'
import { type Database, query } from './database.js'
import { type Fence, sequencedTransaction } from './fence.js'

/** Which checkpoints of a job stay. */
export type Retention = Pick<JobSpec['checkpoint'], 'keep' | 'keepEvery' | 'keepBest'>

/**
 * The one rule. `ranked` has every checkpoint of a job with its place in each order; what this says of none of them goes. The newest good
 * one, from which the job resumes, is always first by recency, since quarantined ones come last.
 */
const needed = `recency <= $2::int OR pinned OR awaited
  OR (NOT quarantined AND newest_of_step AND ((stretch > 0 AND place_in_stretch = 1) OR goodness <= $4::int))`

const ranked = `SELECT id, key, pinned, awaited, quarantined, stretch, newest_of_step,
    row_number() OVER (ORDER BY quarantined, epoch DESC, step DESC) AS recency,
    row_number() OVER (PARTITION BY stretch, newest_of_step AND NOT quarantined ORDER BY step) AS place_in_stretch,
    row_number() OVER (PARTITION BY newest_of_step AND NOT quarantined AND value IS NOT NULL
      ORDER BY value * $6::float8, step DESC) + CASE WHEN value IS NULL THEN $4::int ELSE 0 END AS goodness
  FROM (
    SELECT *, EXISTS (SELECT 1 FROM task WHERE checkpoint_id = checkpoint.id AND kind = 'evaluate'
        AND state IN ('queued', 'running')) AS awaited, coalesce(step / nullif($3::int, 0), 0) AS stretch, (medians ->> $5::text)::float8 AS value,
      row_number() OVER (PARTITION BY step ORDER BY quarantined, epoch DESC) = 1 AS newest_of_step
    FROM checkpoint WHERE job_id = $1
  ) AS judged`

/**
 * Deletes the rows of checkpoints that nothing needs (the newest `keep`, the first of each stretch of `keepEvery` steps, the best, pinned
 * ones, those that wait for their evaluation, those that another job starts from) and answers the keys of their objects, to be removed now: row first, object later. FencedError.
 */
export async function retireCheckpoints(db: Database, fence: Fence, retention: Retention): Promise<string[]> {
  const { keep, keepEvery = 0, keepBest } = retention
  return sequencedTransaction(db, fence, async (tx) => {
    // Locked before they are looked at: a job that is submitted meanwhile to start from one waits, and is then refused.
    const old = await tx.query<{ id: string }>(
      `SELECT id FROM checkpoint WHERE id IN (SELECT id FROM (${ranked}) AS ranked WHERE NOT (${needed})) FOR UPDATE`,
      [
        fence.jobId,
        Math.max(1, keep),
        keepEvery,
        keepBest?.count ?? 0,
        keepBest?.metric ?? 'w_estimate',
        keepBest?.goal === 'max' ? -1 : 1,
      ],
    )
    const { rows } = await tx.query<{ key: string }>(
      `DELETE FROM checkpoint WHERE id = ANY($1)
         AND NOT EXISTS (SELECT 1 FROM job WHERE start_checkpoint_id = checkpoint.id) RETURNING key`,
      [old.rows.map(({ id }) => id)],
    )
    return rows.map((row) => row.key)
  })
}

/** A pinned checkpoint stays until it is unpinned. AppError `not-found`. */
export async function setPinned(db: Database, id: string, pinned: boolean): Promise<Checkpoint> {
  await query(db, 'UPDATE checkpoint SET pinned = $2 WHERE id = $1', [id, pinned])
  const found = await getCheckpoint(db, id)
  if (!found) throw new AppError('not-found', `there is no checkpoint ${id}; old ones are not kept`)
  const { key: _, ...checkpoint } = found
  return checkpoint
}

/** Of objects' keys, those that no row names. */
export async function unreferencedKeys(db: Database, keys: string[]): Promise<string[]> {
  const rows = await query<{ key: string }>(
    db,
    `SELECT key FROM unnest($1::text[]) AS object(key)
     WHERE NOT EXISTS (SELECT 1 FROM checkpoint WHERE checkpoint.key = object.key)
       AND NOT EXISTS (SELECT 1 FROM sample WHERE sample.key = object.key)
       AND NOT EXISTS (SELECT 1 FROM weights WHERE weights.key = object.key)
       AND NOT EXISTS (SELECT 1 FROM task WHERE result ->> 'key' = object.key)`,
    [keys],
  )
  return rows.map((row) => row.key)
}

/** The database's clock. */
export async function databaseTime(db: Database): Promise<Date> {
  const rows = await query<{ now: Date }>(db, 'SELECT clock_timestamp() AS now')
  return rows[0]!.now
}
