import { AppError } from '@kantor/contracts'

/** One object of a dataset, named by us: `<kind>-<number>-<first 12 hex digits of its hash>.<extension>`. */
export interface DatasetFile {
  file: string
  sizeBytes: number
  sha256: string
}

export interface Shard extends DatasetFile {
  numImages: number
}

interface ManifestBase {
  contentHash: string
  channels: 1 | 3
  numImages: number
  /** Label names by number; empty when the source has none. */
  labelNames: string[]
  shards: Shard[]
  /** Little-endian int32 per image, −1 where an image has no label; null when no image has one. */
  labels: DatasetFile | null
}

/** What was imported. `raw` shards hold width × height × channels bytes per image; `encoded` ones a uint32 length, then a JPEG, PNG or WebP. */
export interface OriginalManifest extends ManifestBase {
  format: 'kantor-original/1'
  encoding: 'raw' | 'encoded'
  /** Of every image when raw, else null. */
  width: number | null
  height: number | null
  /** JSON array: the name of each image in its source; data only, never a path here. Null when the source has none. */
  names: DatasetFile | null
}

/** One image size, ready to train on: shards of uint8 NHWC, all but the last of `imagesPerShard` images. */
export interface PreparedManifest extends ManifestBase {
  format: 'kantor-images/1'
  imageSize: number
  imagesPerShard: number
}

export type ManifestOf<F extends (OriginalManifest | PreparedManifest)['format']> = Extract<
  OriginalManifest | PreparedManifest,
  { format: F }
>

export const manifestFile = 'manifest.json'

/** Parses a manifest of the given format. File names in it become paths in the cache, so they are held to our own pattern. */
export function parseManifest<F extends 'kantor-original/1' | 'kantor-images/1'>(
  bytes: Uint8Array,
  format: F,
  where: string,
): ManifestOf<F> {
  const damaged = (why: string, cause?: unknown) => new AppError('internal', `the manifest ${where} ${why}`, { cause })
  let value: ManifestOf<F>
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw damaged('is not JSON', cause)
  }
  if (value.format !== format) throw damaged(`is not of the format ${format}`)
  const files = [...value.shards, value.labels, 'names' in value ? value.names : null]
  for (const entry of files)
    if (entry && !/^[a-z]+-\d{5}-[0-9a-f]{12}\.(?:bin|json)$/.test(entry.file))
      throw damaged('names a file that is not ours')
  if (value.shards.reduce((sum, shard) => sum + shard.numImages, 0) !== value.numImages)
    throw damaged('does not count its own images')
  return value
}

export function serializeManifest(manifest: OriginalManifest | PreparedManifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)
}
