// The storing half of an import: knows the object store and decodes nothing.
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, DatasetStatistics, type ImportedDataset } from '@kantor/contracts'
import { getStoredManifest, type ImageStore, putFiles, putManifest, sha256, versionPrefix } from './image-store.js'
import { type OriginalManifest, parseManifest, serializeManifest } from './manifests.js'
import type { SpooledDataset } from './spool-dataset.js'

export interface KeepOptions {
  id: string
  spooled: SpooledDataset
  /** Where its files lie. */
  directory: string
  store: ImageStore
}

/**
 * Stores what `spoolDataset` left in a directory. Who decoded a stranger's images may have been taken over by them, so its word is checked:
 * names are ours, files are files, bytes have the hashes that are said. AppError `internal` where it does not hold.
 */
export async function keepDataset({ id, spooled, directory, store }: KeepOptions): Promise<ImportedDataset> {
  const found = parseManifest(serializeManifest(spooled.manifest), 'kantor-original/1', 'of this import')
  const statistics = DatasetStatistics.parse(spooled.statistics)
  if (!/^[0-9a-f]{64}$/.test(found.contentHash)) throw new AppError('internal', 'the content hash is none')
  const version = found.contentHash.slice(0, 16)
  const prefix = versionPrefix(id, version, 'original')
  let manifest = await getStoredManifest(store, prefix, 'kantor-original/1')
  if (!manifest) {
    await putFiles(store, prefix, directory, await regular(directory, found))
    manifest = await putManifest(store, prefix, found)
  }
  const { contentHash, numImages, channels, labelNames, shards } = manifest
  if (contentHash !== found.contentHash)
    throw new AppError('internal', `${prefix} holds other content: ${contentHash}, not ${found.contentHash}`)
  return {
    id,
    version,
    contentHash,
    numImages,
    channels,
    law: null,
    labels: labelNames,
    source: spooled.description,
    sizeBytes: shards.reduce((sum, shard) => sum + shard.sizeBytes, 0),
    statistics,
    preview: await putPreview(store, versionPrefix(id, version, 'preview'), spooled.preview),
  }
}

/** A link would have us read what it leads to. */
async function regular(directory: string, { shards, labels, names }: OriginalManifest) {
  const files = [...shards, ...(labels ? [labels] : []), ...(names ? [names] : [])]
  for (const { file } of files)
    if (!(await lstat(join(directory, file))).isFile()) throw new AppError('internal', `${file} is not a regular file`)
  return files
}

/** Its name carries its hash: another release of sharp packs the same picture in other bytes. */
async function putPreview(store: ImageStore, prefix: string, png: Uint8Array): Promise<ImportedDataset['preview']> {
  const hash = sha256(png)
  const key = `${prefix}/${hash.slice(0, 16)}.png`
  await store.put(key, png, { contentType: 'image/png', sha256: hash })
  return { key, sizeBytes: png.byteLength, sha256: hash }
}
