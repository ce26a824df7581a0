import { openDirectoryStore } from './directory-store.js'
import type { ObjectStore } from './object-store.js'
import type { BucketOptions, S3Bucket } from './s3-bucket.js'
import type { S3Service } from './s3-client.js'

export interface StoreOptions {
  /** When given, objects are in this bucket. */
  s3?: (S3Service & { bucket: string }) | undefined
  /** Otherwise they are below this directory. */
  directory: string
  /** Told of what the server cannot do. */
  warn?: ((message: string) => void) | undefined
}

/** AppError `dependency-unavailable` while the store does not answer. */
export async function openStore(options: StoreOptions): Promise<ObjectStore> {
  if (!options.s3) return openDirectoryStore(options.directory)
  // Loaded only when needed: the client takes a third of a second to load.
  const { openS3Store } = await import('./s3-store.js')
  return openS3Store(options.s3, options.warn ?? (() => {}))
}

/** A bucket of others, to read from; whether it is there shows then. */
export async function openBucket(options: BucketOptions): Promise<S3Bucket> {
  const { S3Bucket } = await import('./s3-bucket.js')
  return new S3Bucket(options)
}
