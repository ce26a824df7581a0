import { AppError, Dataset, type DatasetStatistics, type ImportedDataset } from '@kantor/contracts'
import { type Database, query, type Transaction } from './database.js'

type NewDataset = Omit<Dataset, 'createdAt' | 'law'> &
  Partial<Pick<Dataset, 'law'> & Pick<ImportedDataset, 'statistics' | 'preview'>>
interface DatasetRow extends Omit<Dataset, 'createdAt' | 'sizeBytes'> {
  sizeBytes: bigint | string
  createdAt: Date
}

const columns = `id, version, content_hash AS "contentHash", num_images AS "numImages", channels, law, labels, source,
  size_bytes AS "sizeBytes", created_at AS "createdAt"`

const toDataset = (row: DatasetRow): Dataset =>
  Dataset.parse({ ...row, sizeBytes: Number(row.sizeBytes), createdAt: row.createdAt.toISOString() })

/** Once more with the same content gives the row that is there, with the statistics that it may have lacked. AppError `internal` when one version names two contents. */
export async function registerDataset(db: Database, dataset: NewDataset): Promise<Dataset> {
  await query(
    db,
    `INSERT INTO dataset (id, version, content_hash, num_images, channels, labels, source, size_bytes, law, statistics, preview)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (id, version) DO UPDATE SET statistics = EXCLUDED.statistics, preview = EXCLUDED.preview
       WHERE dataset.statistics IS NULL AND dataset.content_hash = EXCLUDED.content_hash`,
    [
      dataset.id,
      dataset.version,
      dataset.contentHash,
      dataset.numImages,
      dataset.channels,
      dataset.labels,
      dataset.source,
      dataset.sizeBytes,
      dataset.law ? JSON.stringify(dataset.law) : null,
      dataset.statistics ? JSON.stringify(dataset.statistics) : null,
      dataset.preview ? JSON.stringify(dataset.preview) : null,
    ],
  )
  const stored = await resolveDataset(db, `${dataset.id}@${dataset.version}`)
  if (stored?.contentHash !== dataset.contentHash) {
    throw new AppError('internal', `dataset ${dataset.id}@${dataset.version} is registered with other content`)
  }
  return stored
}

const byRef = (ref: string): { name: string; sql: string; values: string[] } => {
  const [id, version] = ref.split('@')
  return version === undefined
    ? { name: 'newest-dataset', sql: 'WHERE id = $1 ORDER BY created_at DESC, version DESC LIMIT 1', values: [id!] }
    : { name: 'dataset', sql: 'WHERE id = $1 AND version = $2', values: [id!, version] }
}

/** `mnist` is its newest version, `mnist@<version>` that one. */
export async function resolveDataset(db: Database, ref: string): Promise<Dataset | null> {
  const { name, sql, values } = byRef(ref)
  const rows = await query<DatasetRow>(db, `SELECT ${columns} FROM dataset ${sql}`, values, name)
  return rows[0] ? toDataset(rows[0]) : null
}

/** The same inside a transaction. */
export async function findDataset(tx: Transaction, ref: string): Promise<Dataset | null> {
  const { sql, values } = byRef(ref)
  const { rows } = await tx.query<DatasetRow>(`SELECT ${columns} FROM dataset ${sql}`, values)
  return rows[0] ? toDataset(rows[0]) : null
}

/** The newest version of every dataset, by id. */
export async function listDatasets(db: Database): Promise<Dataset[]> {
  const rows = await query<DatasetRow>(
    db,
    `SELECT DISTINCT ON (id) ${columns} FROM dataset ORDER BY id, created_at DESC, version DESC`,
  )
  return rows.map(toDataset)
}

/** Every version, newest first. */
export async function listDatasetVersions(db: Database, id: string): Promise<Dataset[]> {
  const rows = await query<DatasetRow>(
    db,
    `SELECT ${columns} FROM dataset WHERE id = $1 ORDER BY created_at DESC, version DESC`,
    [id],
  )
  return rows.map(toDataset)
}

/** What nobody needs who only trains on it. */
interface DatasetExtras {
  statistics: DatasetStatistics | null
  preview: ImportedDataset['preview'] | null
}

/** `resolveDataset` with all that is known of its images. */
export async function describeDataset(db: Database, ref: string): Promise<(Dataset & DatasetExtras) | null> {
  const { sql, values } = byRef(ref)
  const [row] = await query<DatasetRow & DatasetExtras>(
    db,
    `SELECT ${columns}, statistics, preview FROM dataset ${sql}`,
    values,
  )
  if (!row) return null
  const { statistics, preview, ...dataset } = row
  return { ...toDataset(dataset), statistics, preview }
}
