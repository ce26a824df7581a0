// The reading half of an import: decodes what strangers made, and needs nothing but a directory.
import { createHash } from 'node:crypto'
import { AppError, type DatasetStatistics } from '@kantor/contracts'
import { sha256 } from './image-store.js'
import type { OriginalManifest } from './manifests.js'
import { Portrait } from './portrait.js'
import { defaultShardBytes, labelBytes, ShardWriter, writeEntry } from './shard-writer.js'
import { openSource } from './sources/index.js'
import type { DatasetSource, OpenSource, SourceImage, SourceLog } from './sources/source.js'

export interface SpoolOptions {
  source: DatasetSource
  /** Where shards, labels and names are left, and what the source needs meanwhile; the dataset's size must fit. */
  directory: string
  /** Told of skipped and ignored files. Names in it are escaped. */
  log?: SourceLog | undefined
  /** The version does not depend on it. */
  shardBytes?: number | undefined
  /** Told after every image, with how many there were, and with 0 now and then before the first. */
  onProgress?: ((numImages: number) => void) | undefined
}

/** A dataset that lies in a directory, ready to be stored. */
export interface SpooledDataset {
  manifest: OriginalManifest
  statistics: DatasetStatistics
  /** PNG. */
  preview: Uint8Array
  /** For people: kind and place. */
  description: string
}

const silent: SourceLog = { info: () => {}, warn: () => {} }

/**
 * Reads a source once: shards, labels and names into the directory, everything into the hash. AppError `not-found`, `dataset-empty`,
 * `dataset-invalid`, `archive-…` or `image-…` when the source is unusable.
 */
export async function spoolDataset({
  source,
  directory,
  onProgress,
  ...options
}: SpoolOptions): Promise<SpooledDataset> {
  const { log = silent, shardBytes = defaultShardBytes } = options
  const opened = await openSource(source, { log, scratch: directory, onBytes: () => onProgress?.(0) })
  try {
    const portrait = new Portrait(opened)
    const manifest = await spool(opened, { directory, shardBytes, portrait, onProgress })
    return {
      manifest,
      statistics: portrait.statistics(manifest.channels),
      preview: await portrait.preview(manifest.channels),
      description: opened.description,
    }
  } finally {
    opened.close?.()
  }
}

interface Spooling {
  directory: string
  shardBytes: number
  portrait: Portrait
  onProgress: SpoolOptions['onProgress']
}

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
