import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DatasetFormat, type ImportedDataset, parseBucketPlace } from '@kantor/contracts'
import { fetchedSource, fetchObjects, importDataset, type ImportOptions } from '@kantor/datasets'
import type { Env } from '@kantor/runtime'
import { openBucket } from '@kantor/storage'
import { Failure } from '../failure.js'

interface BucketImport extends Omit<ImportOptions, 'source'> {
  /** Well-formed. Whoever has the credentials needs nobody's leave: KANTOR_IMPORT_S3 is for requests to the API. */
  place: string
  env: Env
  format?: DatasetFormat | undefined
  channels?: 1 | 3 | undefined
}

/** Brings a bucket's objects to this machine, imports them and removes them. */
export async function importFromBucket(options: BucketImport): Promise<ImportedDataset> {
  const { place, env, format, channels, ...importing } = options
  const { bucket: name, key } = parseBucketPlace(place)!
  const service = env.importService
  if (!service)
    throw new Failure('usage', 'nothing says where buckets are', {
      remedy: 'set KANTOR_IMPORT_S3_ENDPOINT and credentials for it',
    })
  const directory = await mkdtemp(join(tmpdir(), 'kantor-fetch-'))
  const bucket = await openBucket({ ...service, bucket: name })
  try {
    const maxBytes = env.importMebibytes * 2 ** 20
    const { signal } = new AbortController()
    const fetched = await fetchObjects({ bucket, place, key, format, directory, maxBytes, signal })
    const source = await fetchedSource(fetched, { format, channels })
    return { ...(await importDataset({ ...importing, source })), source: place }
  } finally {
    bucket.close()
    await rm(directory, { recursive: true, force: true })
  }
}
