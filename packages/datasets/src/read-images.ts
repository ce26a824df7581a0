import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCachingResizer } from './resize.js'
import { openSource } from './sources/index.js'
import type { DatasetSource, OpenSource, SourceLog } from './sources/source.js'

export interface ImageSet {
  numImages: number
  imageSize: number
  channels: 1 | 3
  /** uint8, numImages × imageSize × imageSize × channels. */
  images: Uint8Array
  /** Per image, or −1. */
  labels: Int32Array
}

const silent: SourceLog = { info: () => {}, warn: () => {} }

/**
 * A source's first images, prepared as for training, in memory and past every store: for evaluation, for instance
 * against the held-out images `{ kind: 'mnist', split: 'test' }`.
 */
export async function readImages(
  source: DatasetSource,
  options: { imageSize: number; limit?: number; log?: SourceLog },
): Promise<ImageSet> {
  const { imageSize, limit = Infinity, log = silent } = options
  const scratch = await mkdtemp(join(tmpdir(), 'kantor-read-'))
  try {
    const opened = await openSource(source, { log, scratch })
    return await collect(opened, imageSize, limit).finally(() => opened.close?.())
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function collect(opened: OpenSource, imageSize: number, limit: number): Promise<ImageSet> {
  const channels = opened.channels ?? 3
  const resize = createCachingResizer(imageSize, channels)
  const images: Uint8Array[] = []
  const labels: number[] = []
  for await (const image of opened.images()) {
    images.push(resize(image.image))
    labels.push(image.label)
    if (images.length >= limit) break
  }
  return {
    numImages: images.length,
    imageSize,
    channels,
    images: Buffer.concat(images),
    labels: Int32Array.from(labels),
  }
}
