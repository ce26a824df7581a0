import { AppError, terminalStates, type Weights } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Page, type PageQuery, readWeightsCursor, toPage, weightsCursor } from './cursor.js'
import { type Database, query, transaction, type Transaction } from './database.js'

export interface StoredWeights extends Weights {
  /** The object's key in storage. */
  key: string
}

interface WeightsRow extends Omit<StoredWeights, 'createdAt'> {
  createdAt: Date
}

const columns = 'id, key, size_bytes::float8 AS "sizeBytes", sha256, networks, features, created_at AS "createdAt"'
const toWeights = ({ createdAt, ...row }: WeightsRow): StoredWeights => ({ ...row, createdAt: createdAt.toISOString() })

/** Lists weights whose bytes are in storage; of the same content the first ones, whoever uploaded them, and as what. */
export async function registerWeights(
  db: Database,
  { key, sizeBytes, sha256, networks, features }: Omit<StoredWeights, 'id' | 'createdAt'>,
): Promise<StoredWeights> {
  const [row] = await query<WeightsRow>(
    db,
    `INSERT INTO weights (id, key, size_bytes, sha256, networks, features) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (sha256) DO UPDATE SET sha256 = excluded.sha256 RETURNING ${columns}`,
    [uuidv7(), key, sizeBytes, sha256, networks, features && JSON.stringify(features)],
  )
  return toWeights(row!)
}

export async function getWeights(db: Database, id: string): Promise<StoredWeights | null> {
  const [row] = await query<WeightsRow>(db, `SELECT ${columns} FROM weights WHERE id = $1`, [id])
  return row ? toWeights(row) : null
}

/** Newest first. AppError `invalid-cursor` for a cursor of another list. */
export async function listWeights(db: Database, { limit, cursor }: PageQuery): Promise<Page<StoredWeights>> {
  const rows = await query<WeightsRow>(
    db,
    `SELECT ${columns} FROM weights WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
    [cursor === undefined ? null : readWeightsCursor(cursor), limit + 1],
  )
  return toPage(rows, limit, toWeights, ({ id }) => weightsCursor(id))
}

const MAX_NAMED = 5

/** A task that is not over, or a job whose evaluations are still to come. */
const MEASURED_BY = `
  SELECT 'task ' || id AS name FROM task WHERE kind = 'evaluate' AND state IN ('queued', 'running', 'cancelling') AND params ->> 'extractor' = $1
  UNION ALL SELECT 'job ' || id FROM job WHERE state <> ALL ($2) AND spec -> 'evaluation' ->> 'extractor' = $1 LIMIT ${MAX_NAMED}`

/**
 * Answers the key of the object, which is now litter. AppError `not-found`, or `weights-in-use` while a job starts from them or something is
 * to be measured by them.
 */
export async function deleteWeights(db: Database, id: string): Promise<string> {
  return transaction(db, async (tx) => {
    // A job that is submitted meanwhile with these weights waits for this lock, and is then refused.
    const { rows } = await tx.query<{ key: string }>('SELECT key FROM weights WHERE id = $1 FOR UPDATE', [id])
    if (!rows[0]) throw new AppError('not-found', `there are no weights ${id}`)
    const { rows: jobs } = await tx.query<{ id: string }>(
      `SELECT id FROM job WHERE start_weights_id = $1 ORDER BY id LIMIT ${MAX_NAMED}`,
      [id],
    )
    if (jobs.length > 0) {
      const named = jobs.map((job) => job.id).join(', ')
      throw new AppError('weights-in-use', `jobs start from these weights (${named}); delete those first`)
    }
    const { rows: measured } = await tx.query<{ name: string }>(MEASURED_BY, [id, terminalStates])
    if (measured.length > 0) {
      const named = measured.map(({ name }) => name).join(', ')
      throw new AppError(
        'weights-in-use',
        `evaluations that are to come need this network (${named}); wait for them, or cancel them`,
      )
    }
    await tx.query('DELETE FROM weights WHERE id = $1', [id])
    return rows[0].key
  })
}

/** The uploaded weights that a job starts from, if any; a row that is there for as long as the job is. */
export async function startWeightsIn(
  tx: Transaction,
  { startWeightsId }: { startWeightsId: string | null },
): Promise<StoredWeights | null> {
  if (startWeightsId === null) return null
  const { rows } = await tx.query<WeightsRow>(`SELECT ${columns} FROM weights WHERE id = $1`, [startWeightsId])
  return rows[0] ? toWeights(rows[0]) : null
}
