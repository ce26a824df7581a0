import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImportedDataset } from '@kantor/contracts'
import type { ImageStore } from './image-store.js'
import { keepDataset } from './keep-dataset.js'
import { spoolDataset, type SpoolOptions } from './spool-dataset.js'

export interface ImportOptions extends Omit<SpoolOptions, 'directory'> {
  id: string
  store: ImageStore
  /** Where shards wait until the version is known; the dataset's size must fit. Default: the system's temporary directory. */
  scratchDir?: string
}

/**
 * Copies a source into the store under `datasets/<id>/<version>/original/`, the manifest last, and returns what the
 * database needs to know. The version is the first 16 digits of a hash over pixels or files, labels and names, in
 * order: the same content is the same version whenever and however it is imported, and importing again changes nothing.
 * AppError `not-found`, `dataset-empty`, `dataset-invalid`, `archive-…` or `image-…` when the source is unusable.
 */
export async function importDataset({
  id,
  store,
  scratchDir = tmpdir(),
  ...options
}: ImportOptions): Promise<ImportedDataset> {
  const directory = await mkdtemp(join(scratchDir, 'kantor-import-'))
  try {
    const spooled = await spoolDataset({ ...options, directory })
    return await keepDataset({ id, spooled, directory, store })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
