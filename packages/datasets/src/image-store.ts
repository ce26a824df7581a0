import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { AppError, DatasetId } from '@kantor/contracts'
import {
  type DatasetFile,
  type ManifestOf,
  manifestFile,
  type OriginalManifest,
  parseManifest,
  type PreparedManifest,
  serializeManifest,
} from './manifests.js'

/** What this package needs of an object store; `@kantor/storage` satisfies it. Puts are create-only: same content again is a success. */
export interface ImageStore {
  put(key: string, body: Uint8Array | { file: string }, options: { contentType: string; sha256: string }): Promise<void>
  getBytes(key: string): Promise<Uint8Array>
  head(key: string): Promise<{ sizeBytes: number } | null>
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * `datasets/<id>/<version>/<part>`. Ids, versions and parts are checked here, because they become object keys and
 * paths in the cache; names from a source never reach this function.
 */
export function versionPrefix(id: string, version: string, part: 'original' | 'preview' | number): string {
  if (!DatasetId.safeParse(id).success) throw new AppError('internal', `${JSON.stringify(id)} is not a dataset id`)
  if (!/^[0-9a-f]{16}$/.test(version))
    throw new AppError('internal', `${JSON.stringify(version)} is not a dataset version`)
  if (typeof part === 'number' && !(Number.isInteger(part) && part >= 1 && part <= 1024))
    throw new AppError('internal', `an image size is an integer from 1 to 1024, not ${part}`)
  return `datasets/${id}/${version}/${part}`
}

/** The bytes are whole and not those of the version that was imported. Training on them would mix two datasets in one run. */
export class DatasetChanged extends AppError {
  override name = 'DatasetChanged'

  constructor(detail: string) {
    super('internal', detail)
  }
}

/** The object's bytes, or DatasetChanged when they are not those that the manifest promised. */
export async function getVerified(
  store: ImageStore,
  key: string,
  expected: { sha256: string; sizeBytes: number },
): Promise<Uint8Array> {
  const bytes = await store.getBytes(key)
  if (bytes.byteLength === expected.sizeBytes && sha256(bytes) === expected.sha256) return bytes
  throw new DatasetChanged(
    `the stored object ${key} is damaged or was replaced: its hash differs from the manifest's; import the dataset again`,
  )
}

/** The manifest is written last, so where there is one, everything that it names is there too. */
export async function getStoredManifest<F extends OriginalManifest['format'] | PreparedManifest['format']>(
  store: ImageStore,
  prefix: string,
  format: F,
): Promise<ManifestOf<F> | null> {
  const key = `${prefix}/${manifestFile}`
  if (!(await store.head(key))) return null
  return parseManifest(await store.getBytes(key), format, key)
}

export async function putFiles(
  store: ImageStore,
  prefix: string,
  directory: string,
  files: (DatasetFile | null)[],
): Promise<void> {
  for (const entry of files) {
    if (!entry) continue
    const contentType = entry.file.endsWith('.json') ? 'application/json' : 'application/octet-stream'
    await store.put(
      `${prefix}/${entry.file}`,
      { file: join(directory, entry.file) },
      { contentType, sha256: entry.sha256 },
    )
  }
}

/** Commits a manifest, or returns the one that another writer committed first: both are whole, the first one counts. */
export async function putManifest<M extends OriginalManifest | PreparedManifest>(
  store: ImageStore,
  prefix: string,
  manifest: M,
): Promise<ManifestOf<M['format']>> {
  const bytes = serializeManifest(manifest)
  const key = `${prefix}/${manifestFile}`
  try {
    await store.put(key, bytes, { contentType: 'application/json', sha256: sha256(bytes) })
    return parseManifest(bytes, manifest.format as M['format'], key)
  } catch (error) {
    const theirs = await getStoredManifest(store, prefix, manifest.format as M['format'])
    if (!theirs) throw error
    return theirs
  }
}
