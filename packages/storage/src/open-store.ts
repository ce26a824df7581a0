import { openDirectoryStore } from './directory-store.js'
import type { ObjectStore } from './object-store.js'

export interface StoreOptions {
  /** When given, objects are in this bucket. */
  s3?: { endpoint: string; bucket: string; region: string; accessKeyId: string; secretAccessKey: string } | undefined
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
