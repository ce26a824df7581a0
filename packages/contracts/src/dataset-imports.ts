import { z } from 'zod'
import { DatasetFormat, DatasetId } from './datasets.js'
import { text } from './strings.js'

const Channels = z.union([z.literal(1), z.literal(3)])

export const ImportDataset = z.strictObject({
  id: DatasetId,
  /** Absolute path on the API's machine, below one of KANTOR_IMPORT_ROOTS; or `s3://bucket/prefix`, below one of KANTOR_IMPORT_S3. */
  from: text(4096).min(1),
  /** Default: what lies there says it. */
  format: DatasetFormat.optional(),
  /** Of images in files. Default: 1 when every image is grey, else 3. */
  channels: Channels.optional(),
})
export type ImportDataset = z.infer<typeof ImportDataset>

/** The same of an upload, whose file is the body. */
export const UploadQuery = z.strictObject({
  format: DatasetFormat.exclude(['folder']).optional(),
  channels: z.enum(['1', '3']).optional(),
})

export const ImportState = z.enum(['queued', 'running', 'succeeded', 'failed']).meta({ id: 'ImportState' })
export type ImportState = z.infer<typeof ImportState>

/** The only moves there are: an import whose process died is queued again. */
export const importTransitions: Record<ImportState, readonly ImportState[]> = {
  queued: ['running'],
  running: ['succeeded', 'failed', 'queued'],
  succeeded: [],
  failed: [],
}

/** One reading of a source, which makes a version of its dataset. */
export const DatasetImport = z
  .object({
    id: z.uuid(),
    datasetId: DatasetId,
    /** A path or a place in a bucket, or null for an upload. */
    from: z.string().nullable(),
    format: DatasetFormat.nullable(),
    state: ImportState,
    /** Read so far. */
    numImages: z.int(),
    /** What it made, once it has succeeded. */
    version: z.string().nullable(),
    /** Why it failed, as a request would have been told. */
    problem: z.object({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() }).nullable(),
    attempt: z.int(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'DatasetImport' })
export type DatasetImport = z.infer<typeof DatasetImport>
