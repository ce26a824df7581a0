import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError, type ImportedDataset } from '@kantor/contracts'
import { getStoredManifest, type ImageStore, putFiles, putManifest, sha256, versionPrefix } from './image-store.js'
import type { OriginalManifest } from './manifests.js'
import { Portrait } from './portrait.js'
import { defaultShardBytes, labelBytes, ShardWriter, writeEntry } from './shard-writer.js'
import { openSource } from './sources/index.js'
import type { DatasetSource, OpenSource, SourceImage, SourceLog } from './sources/source.js'

export interface ImportOptions {
  id: string
  source: DatasetSource
  store: ImageStore
  /** Told of skipped and ignored files. Names in it are escaped. */
  log?: SourceLog
  /** Where shards wait until the version is known; the dataset's size must fit. Default: the system's temporary directory. */
  scratchDir?: string
  /** The version does not depend on it. */
  shardBytes?: number
  /** Told after every image, with how many there were. */
  onProgress?: (numImages: number) => void
}

/**
 * Copies a source into the store under `datasets/<id>/<version>/original/`, the manifest last, and returns what the
 * database needs to know. The version is the first 16 digits of a hash over pixels or files, labels and names, in
 * order: the same content is the same version whenever and however it is imported, and importing again changes nothing.
 * AppError `not-found`, `dataset-empty`, `dataset-invalid`, `archive-…` or `image-…` when the source is unusable.
 */
export async function importDataset(options: ImportOptions): Promise<ImportedDataset> {
  const { id, source, store, log = silent, scratchDir = tmpdir(), shardBytes = defaultShardBytes } = options
  const scratch = await mkdtemp(join(scratchDir, 'kantor-import-'))
  let opened: OpenSource | undefined
  try {
    opened = await openSource(source, { log, scratch })
    const portrait = new Portrait(opened)
    const spooled = await spool(opened, { directory: scratch, shardBytes, portrait, onProgress: options.onProgress })
    const version = spooled.contentHash.slice(0, 16)
    const prefix = versionPrefix(id, version, 'original')
    let manifest = await getStoredManifest(store, prefix, 'kantor-original/1')
    if (!manifest) {
      await putFiles(store, prefix, scratch, [...spooled.shards, spooled.labels, spooled.names])
      manifest = await putManifest(store, prefix, spooled)
    }
    const { contentHash, numImages, channels, labelNames, shards } = manifest
    if (contentHash !== spooled.contentHash)
      throw new AppError('internal', `${prefix} holds other content: ${contentHash}, not ${spooled.contentHash}`)
    const sizeBytes = shards.reduce((sum, shard) => sum + shard.sizeBytes, 0)
    return {
      id,
      version,
      contentHash,
      numImages,
      channels,
      law: null,
      labels: labelNames,
      source: opened.description,
      sizeBytes,
      statistics: portrait.statistics(channels),
      preview: await putPreview(store, versionPrefix(id, version, 'preview'), await portrait.preview(channels)),
    }
  } finally {
    opened?.close?.()
    await rm(scratch, { recursive: true, force: true })
  }
}

const silent: SourceLog = { info: () => {}, warn: () => {} }

/** Its name carries its hash: another release of sharp packs the same picture in other bytes. */
async function putPreview(store: ImageStore, prefix: string, png: Uint8Array): Promise<ImportedDataset['preview']> {
  const hash = sha256(png)
  const key = `${prefix}/${hash.slice(0, 16)}.png`
  await store.put(key, png, { contentType: 'image/png', sha256: hash })
  return { key, sizeBytes: png.byteLength, sha256: hash }
}

interface Spooling {
  directory: string
  shardBytes: number
  portrait: Portrait
  onProgress: ImportOptions['onProgress']
}

/** Reads the source once: shards into the directory, everything into the hash and the portrait. */
async function spool(
  opened: OpenSource,
  { directory, shardBytes, portrait, onProgress }: Spooling,
): Promise<OriginalManifest> {
  const writer = new ShardWriter(directory, shardBytes)
  const digest = createHash('sha256')
  const labels: number[] = []
  const names: string[] = []
  let widest: 1 | 3 = 1
  for await (const image of opened.images()) {
    const length = uint32(image.bytes.byteLength)
    await writer.add(...(opened.encoding === 'encoded' ? [length, image.bytes] : [image.bytes]))
    digest.update(length).update(image.bytes).update(describe(image))
    labels.push(image.label)
    if (image.name !== null) names.push(image.name)
    if (image.image.channels === 3) widest = 3
    portrait.add(image)
    onProgress?.(labels.length)
  }
  if (labels.length === 0) throw new AppError('dataset-empty', `the ${opened.description} holds no images`)

  const { encoding, width, height, labelNames } = opened
  const channels = opened.channels ?? widest
  const head = { encoding, width, height, channels, labelNames: [...labelNames], numImages: labels.length }
  const packed = labelBytes(labels)
  return {
    format: 'kantor-original/1',
    contentHash: sha256(`${JSON.stringify(head)}\n${digest.digest('hex')}\n`),
    ...head,
    shards: await writer.end(),
    labels: packed && (await writeEntry(directory, 'labels', 0, packed)),
    names: names.length
      ? await writeEntry(directory, 'names', 0, new TextEncoder().encode(JSON.stringify(names)))
      : null,
  }
}

/** Label and name for the hash; JSON keeps a name from running into its neighbours. */
function describe({ label, name }: SourceImage): string {
  return `${JSON.stringify([label, name])}\n`
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
