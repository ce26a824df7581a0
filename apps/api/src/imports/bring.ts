import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '@kantor/contracts'
import { type Fetched, fetchObjects } from '@kantor/datasets'
import type { ImportSource } from '@kantor/db'
import type { ImportService } from '@kantor/runtime'
import { type ObjectStore, openBucket } from '@kantor/storage'
import { type Allowed, allowedSource } from './allowed-source.js'

export interface BringingDeps extends Allowed {
  store: Pick<ObjectStore, 'get'>
  /** Where buckets are; without it none is read. */
  importService?: ImportService | undefined
  /** Of what a bucket's prefix holds, at most. */
  importMebibytes: number
}

/** Where on this machine what is to be decoded lies, after it has been brought into the directory where it came from elsewhere. */
export async function bring(
  { store, importService, importMebibytes, ...allowed }: BringingDeps,
  { key: upload, path: from = '', format }: ImportSource,
  directory: string,
  signal: AbortSignal,
): Promise<Fetched> {
  if (upload !== undefined) {
    const path = join(directory, 'upload')
    await pipeline(await store.get(upload), createWriteStream(path), { signal })
    return { path }
  }
  // Once more: links may have been laid since it was asked for, and the operator may have closed a place.
  const found = await allowedSource(from, allowed)
  if ('path' in found) return found
  if (!importService)
    throw new AppError('dataset-unavailable', 'nothing says where buckets are; set KANTOR_IMPORT_S3_ENDPOINT')
  const { bucket: name, key } = found.place
  const bucket = await openBucket({ ...importService, bucket: name })
  try {
    const maxBytes = importMebibytes * 2 ** 20
    return await fetchObjects({ bucket, place: from, key, format, directory, maxBytes, signal })
  } finally {
    bucket.close()
  }
}
