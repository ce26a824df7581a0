import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError, type Dataset } from '@kantor/contracts'
import { decodeImage } from './decode-image.js'
import {
  DatasetChanged,
  getStoredManifest,
  getVerified,
  type ImageStore,
  putFiles,
  putManifest,
  versionPrefix,
} from './image-store.js'
import {
  manifestFile,
  type OriginalManifest,
  parseManifest,
  type PreparedManifest,
  serializeManifest,
} from './manifests.js'
import { createCachingResizer, type RawImage } from './resize.js'
import { defaultShardBytes, ShardWriter } from './shard-writer.js'

export interface PrepareOptions {
  dataset: Pick<Dataset, 'id' | 'version' | 'contentHash'>
  /** Pixels per side. */
  imageSize: number
  store: ImageStore
  /** Kept between jobs; safe to delete whenever no job runs. */
  cacheDir: string
  shardBytes?: number
}

export interface PreparedImages {
  /** For openImages(). */
  directory: string
  manifest: PreparedManifest
}

/**
 * Brings a dataset at one image size into the cache: from the cache, else from the store, else made from the
 * originals and put into the store for everyone. Bytes from the store are verified by hash; a directory appears in the
 * cache whole or not at all. Any number of processes may do this at once. AppError `not-found` when the version was never imported;
 * DatasetChanged when what is there is not what was.
 */
export async function prepareImages(options: PrepareOptions): Promise<PreparedImages> {
  const { dataset, imageSize, store, cacheDir, shardBytes = defaultShardBytes } = options
  const prefix = versionPrefix(dataset.id, dataset.version, imageSize)
  const directory = join(cacheDir, dataset.id, dataset.version, String(imageSize))
  const cached = await readCached(directory)
  if (cached?.contentHash === dataset.contentHash) return { directory, manifest: cached }

  await sweepPartial(cacheDir)
  const scratch = join(cacheDir, `${partialPrefix}${randomUUID()}`)
  await mkdir(scratch, { recursive: true })
  try {
    let manifest = await getStoredManifest(store, prefix, 'kantor-images/1')
    if (!manifest) {
      const made = await makeImages(dataset, imageSize, store, scratch, shardBytes)
      await putFiles(store, prefix, scratch, [...made.shards, made.labels])
      manifest = await putManifest(store, prefix, made)
    }
    if (manifest.contentHash !== dataset.contentHash) {
      throw new DatasetChanged(
        `the images of ${dataset.id}@${dataset.version} in the object store have the content hash ${manifest.contentHash}, ` +
          `those that were imported have ${dataset.contentHash}`,
      )
    }
    await fetchMissing(store, prefix, scratch, manifest)
    await writeFile(join(scratch, manifestFile), serializeManifest(manifest))
    await moveInto(scratch, directory)
    return { directory, manifest }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const partialPrefix = '.partial-'
/** Longer than any preparation lasts between two files. */
const abandonedMs = 24 * 3600 * 1000

/** What a killed process left behind. */
async function sweepPartial(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    if (!name.startsWith(partialPrefix)) continue
    const path = join(cacheDir, name)
    const changed = (await stat(path).catch(() => null))?.mtimeMs ?? Infinity
    if (Date.now() - changed > abandonedMs) await rm(path, { recursive: true, force: true })
  }
}

/** Sizes only: whole directories are renamed into place after their hashes were checked. */
async function readCached(directory: string): Promise<PreparedManifest | null> {
  const file = join(directory, manifestFile)
  const bytes = await readFile(file).catch(() => null)
  if (!bytes) return null
  let manifest: PreparedManifest
  try {
    manifest = parseManifest(bytes, 'kantor-images/1', file)
  } catch {
    return null
  }
  for (const entry of [...manifest.shards, manifest.labels]) {
    const size = entry && (await stat(join(directory, entry.file)).catch(() => null))?.size
    if (entry && size !== entry.sizeBytes) return null
  }
  return manifest
}

async function makeImages(
  dataset: Pick<Dataset, 'id' | 'version'>,
  imageSize: number,
  store: ImageStore,
  directory: string,
  shardBytes: number,
): Promise<PreparedManifest> {
  const from = versionPrefix(dataset.id, dataset.version, 'original')
  const original = await getStoredManifest(store, from, 'kantor-original/1')
  if (!original)
    throw new AppError(
      'not-found',
      `the images of ${dataset.id}@${dataset.version} are not in the object store; import the dataset again`,
    )
  const { channels, contentHash, labelNames, numImages } = original
  const imageBytes = imageSize * imageSize * channels
  const imagesPerShard = Math.max(1, Math.floor(shardBytes / imageBytes))
  const writer = new ShardWriter(directory, imagesPerShard * imageBytes)
  const resize = createCachingResizer(imageSize, channels)
  for (const shard of original.shards) {
    const bytes = await getVerified(store, `${from}/${shard.file}`, shard)
    for await (const image of decodeShard(original, bytes)) await writer.add(resize(image))
  }
  if (original.labels)
    await writeFile(
      join(directory, original.labels.file),
      await getVerified(store, `${from}/${original.labels.file}`, original.labels),
    )
  const shards = await writer.end()
  const head = {
    format: 'kantor-images/1',
    contentHash,
    imageSize,
    channels,
    numImages,
    imagesPerShard,
    labelNames,
  } as const
  return { ...head, shards, labels: original.labels }
}

/** Gives the event loop a turn now and then: the caller may have a lease to renew. */
async function* decodeShard(original: OriginalManifest, bytes: Uint8Array): AsyncGenerator<RawImage> {
  const { encoding, width, height, channels } = original
  if (encoding === 'raw' && width !== null && height !== null) {
    const imageBytes = width * height * channels
    for (let at = 0; at < bytes.byteLength; at += imageBytes) {
      if ((at / imageBytes) % 256 === 255) await nextTurn()
      yield { pixels: bytes.subarray(at, at + imageBytes), width, height, channels }
    }
    return
  }
  const files = [...splitFiles(bytes)]
  const numAtOnce = Math.min(4, availableParallelism())
  for (let start = 0; start < files.length; start += numAtOnce)
    yield* await Promise.all(files.slice(start, start + numAtOnce).map((file) => decodeImage(file)))
}

function* splitFiles(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength;) {
    const start = at + 4
    at = start + view.getUint32(at, true)
    yield bytes.subarray(start, at)
  }
}

/** After a lost race the manifest may name files of the winner's, which then come from the store. */
async function fetchMissing(
  store: ImageStore,
  prefix: string,
  directory: string,
  manifest: PreparedManifest,
): Promise<void> {
  for (const entry of [...manifest.shards, manifest.labels]) {
    if (!entry || (await stat(join(directory, entry.file)).catch(() => null))) continue
    await writeFile(join(directory, entry.file), await getVerified(store, `${prefix}/${entry.file}`, entry))
  }
}

/** Renames a finished directory into place; where another process was faster, its directory stays. */
async function moveInto(scratch: string, directory: string): Promise<void> {
  await mkdir(join(directory, '..'), { recursive: true })
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(scratch, directory)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (attempt >= 3 || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error
      if (await readCached(directory)) return
      // What is there is broken; move it away whole, so that nobody sees it half removed.
      await rename(directory, `${scratch}-broken`).catch(() => {})
      await rm(`${scratch}-broken`, { recursive: true, force: true })
    }
  }
}
