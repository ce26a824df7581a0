import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@kantor/contracts'
import { manifestFile, parseManifest } from './manifests.js'

/** Prepared images on disk. Nothing is held in memory but the labels: a read costs one system call per image, from the page cache. */
export interface ImageFiles {
  readonly numImages: number
  /** Pixels per side. */
  readonly imageSize: number
  readonly channels: 1 | 3
  /** Per image the index into labelNames, or −1. */
  readonly labels: Int32Array
  readonly labelNames: readonly string[]
  readonly contentHash: string
  /** uint8, indices.length × imageSize × imageSize × channels, in the order asked for. RangeError for an index outside 0 … numImages − 1. */
  read(indices: Int32Array): Uint8Array
  close(): void
}

/** Opens a directory that prepareImages() returned. Synchronous, without sharp or a store: the trainer's only door to data. */
export function openImages(directory: string): ImageFiles {
  const file = join(directory, manifestFile)
  const manifest = parseManifest(readFileSync(file), 'kantor-images/1', file)
  const { numImages, imageSize, channels, imagesPerShard, labelNames, contentHash, shards } = manifest
  const imageBytes = imageSize * imageSize * channels
  const descriptors: number[] = []
  const close = () => descriptors.splice(0).forEach((descriptor) => closeSync(descriptor))
  try {
    for (const shard of shards) {
      const descriptor = openSync(join(directory, shard.file), 'r')
      descriptors.push(descriptor)
      if (fstatSync(descriptor).size !== shard.numImages * imageBytes)
        throw new AppError(
          'internal',
          `${join(directory, shard.file)} is damaged; delete ${directory}, it is made again`,
        )
    }
  } catch (error) {
    close()
    throw error
  }

  const read = (indices: Int32Array): Uint8Array => {
    const images = new Uint8Array(indices.length * imageBytes)
    indices.forEach((index, i) => {
      if (index < 0 || index >= numImages) throw new RangeError(`image ${index} of ${numImages}`)
      const descriptor = descriptors[Math.floor(index / imagesPerShard)]
      if (descriptor === undefined) throw new Error('the images are closed')
      const bytesRead = readSync(descriptor, images, i * imageBytes, imageBytes, (index % imagesPerShard) * imageBytes)
      if (bytesRead !== imageBytes) throw new AppError('internal', `${directory} was truncated while it was in use`)
    })
    return images
  }
  const labels = manifest.labels
    ? readLabels(join(directory, manifest.labels.file))
    : new Int32Array(numImages).fill(-1)
  return { numImages, imageSize, channels, labels, labelNames, contentHash, read, close }
}

function readLabels(file: string): Int32Array {
  const bytes = readFileSync(file)
  return Int32Array.from({ length: bytes.byteLength / 4 }, (_, i) => bytes.readInt32LE(i * 4))
}
