import {
  AppError,
  DatasetImport,
  type DatasetFormat,
  type ImportedDataset,
  type ImportState,
  importTransitions,
} from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Database, joinedTransaction, query } from './database.js'
import { registerDataset } from './datasets.js'

/** What an import reads. */
export interface ImportSource {
  /** Absolute, real and allowed when it was asked for; or `s3://bucket/prefix`. */
  path?: string | undefined
  /** Of the object that an upload became. */
  key?: string | undefined
  format?: DatasetFormat | undefined
  channels?: 1 | 3 | undefined
}

interface ImportRow {
  id: string
  datasetId: string
  source: ImportSource
  state: ImportState
  numImages: number
  version: string | null
  problem: DatasetImport['problem']
  epoch: number
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
}

const columns = `id, dataset_id AS "datasetId", source, state, num_images AS "numImages", version, problem, epoch,
  created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt"`

function toImport({ source, epoch, createdAt, startedAt, finishedAt, ...row }: ImportRow): DatasetImport {
  return DatasetImport.parse({
    ...row,
    from: source.path ?? null,
    format: source.format ?? null,
    attempt: epoch,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  })
}

export const newImportId = (): string => uuidv7()

export async function createImport(
  db: Database,
  { id = newImportId(), datasetId, source }: { id?: string; datasetId: string; source: ImportSource },
): Promise<DatasetImport> {
  const [row] = await query<ImportRow & Record<string, unknown>>(
    db,
    `INSERT INTO dataset_import (id, dataset_id, source) VALUES ($1, $2, $3) RETURNING ${columns}`,
    [id, datasetId, JSON.stringify(source)],
  )
  return toImport(row!)
}

export async function getImport(db: Database, id: string): Promise<DatasetImport | null> {
  const [row] = await query<ImportRow & Record<string, unknown>>(
    db,
    `SELECT ${columns} FROM dataset_import WHERE id = $1`,
    [id],
  )
  return row ? toImport(row) : null
}

/** The newest hundred. */
export async function listImports(db: Database, datasetId: string): Promise<DatasetImport[]> {
  const rows = await query<ImportRow & Record<string, unknown>>(
    db,
    `SELECT ${columns} FROM dataset_import WHERE dataset_id = $1 ORDER BY id DESC LIMIT 100`,
    [datasetId],
  )
  return rows.map(toImport)
}

export interface ClaimedImport {
  id: string
  datasetId: string
  source: ImportSource
  epoch: number
}

/** The oldest that waits. Only the leading instance imports, so a claim needs no lease: its epoch fences what an older leader still writes. */
export async function claimImport(db: Database): Promise<ClaimedImport | null> {
  const [row] = await query<ClaimedImport & Record<string, unknown>>(
    db,
    `UPDATE dataset_import SET state = 'running', epoch = epoch + 1, num_images = 0, started_at = coalesce(started_at, clock_timestamp())
     WHERE id = (SELECT id FROM dataset_import WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING id, dataset_id AS "datasetId", source, epoch`,
  )
  return row ?? null
}

/** What a leader that is gone had under way waits again. */
export async function requeueImports(db: Database): Promise<number> {
  const rows = await query(db, `UPDATE dataset_import SET state = 'queued' WHERE state = 'running' RETURNING id`)
  return rows.length
}

export async function noteImport(db: Database, { id, epoch }: ClaimedImport, numImages: number): Promise<void> {
  await query(db, `UPDATE dataset_import SET num_images = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'`, [
    id,
    epoch,
    numImages,
  ])
}

export type ImportEnd =
  | { to: 'succeeded'; dataset: ImportedDataset }
  | { to: 'failed'; problem: NonNullable<DatasetImport['problem']> }
  | { to: 'queued' }

/** Ends the claim; the version is registered in the same transaction. False, and nothing written, when it is another's by now. */
export async function finishImport(db: Database, { id, epoch }: ClaimedImport, end: ImportEnd): Promise<boolean> {
  if (!importTransitions.running.includes(end.to)) throw new AppError('internal', `an import cannot become ${end.to}`)
  return joinedTransaction(db, async (joined) => {
    const dataset = end.to === 'succeeded' ? end.dataset : undefined
    const rows = await query(
      joined,
      `UPDATE dataset_import SET state = $3, version = $4, problem = $5, num_images = coalesce($6, num_images),
         finished_at = CASE WHEN $3 = 'queued' THEN NULL ELSE clock_timestamp() END
       WHERE id = $1 AND epoch = $2 AND state = 'running' RETURNING id`,
      [
        id,
        epoch,
        end.to,
        dataset?.version ?? null,
        end.to === 'failed' ? JSON.stringify(end.problem) : null,
        dataset?.numImages ?? null,
      ],
    )
    if (rows.length === 0) return false
    if (dataset) await registerDataset(joined, dataset)
    return true
  })
}
