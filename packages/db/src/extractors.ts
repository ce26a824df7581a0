import type { Dataset, MadeExtractor } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Database, query } from './database.js'

export interface StoredExtractor {
  kind: MadeExtractor
  /** The object's key in storage. */
  key: string
  sizeBytes: number
  sha256: string
  /** Of held-out images; null without classes. */
  accuracy: number | null
}

/** What an extractor belongs to. */
export interface ExtractorPlace {
  dataset: Pick<Dataset, 'id' | 'version'>
  imageSize: number
}

const columns = 'kind, key, size_bytes::float8 AS "sizeBytes", sha256, accuracy'

export async function findExtractors(db: Database, { dataset, imageSize }: ExtractorPlace): Promise<StoredExtractor[]> {
  return query<StoredExtractor>(
    db,
    `SELECT ${columns} FROM extractor WHERE dataset_id = $1 AND dataset_version = $2 AND image_size = $3`,
    [dataset.id, dataset.version, imageSize],
  )
}

/** Lists an extractor whose bytes are in storage. The first one counts: answers that one, whoever made it. */
export async function registerExtractor(
  db: Database,
  { dataset, imageSize }: ExtractorPlace,
  made: StoredExtractor,
): Promise<StoredExtractor> {
  await query(
    db,
    `INSERT INTO extractor (id, dataset_id, dataset_version, kind, image_size, key, size_bytes, sha256, accuracy)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (dataset_id, dataset_version, kind, image_size) DO NOTHING`,
    [uuidv7(), dataset.id, dataset.version, made.kind, imageSize, made.key, made.sizeBytes, made.sha256, made.accuracy],
  )
  const found = await findExtractors(db, { dataset, imageSize })
  return found.find(({ kind }) => kind === made.kind) ?? made
}
