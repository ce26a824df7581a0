import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from './image-store.js'
import type { DatasetFile, Shard } from './manifests.js'

/** Bounds the memory of an import and of a download. */
export const defaultShardBytes = 64 * 1024 * 1024

/** Collects images into files of at most `shardBytes` (a larger image gets a file of its own). Holds one shard in memory. */
export class ShardWriter {
  readonly shards: Shard[] = []
  readonly #directory: string
  readonly #buffer: Uint8Array
  #used = 0
  #numImages = 0

  constructor(directory: string, shardBytes: number) {
    this.#directory = directory
    this.#buffer = new Uint8Array(shardBytes)
  }

  /** The parts are one image; it never straddles two shards. */
  async add(...parts: Uint8Array[]): Promise<void> {
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
    if (this.#used + bytes > this.#buffer.byteLength) await this.#flush()
    if (bytes > this.#buffer.byteLength) {
      this.#numImages = 1
      return this.#write(Buffer.concat(parts))
    }
    for (const part of parts) {
      this.#buffer.set(part, this.#used)
      this.#used += part.byteLength
    }
    this.#numImages += 1
  }

  async end(): Promise<Shard[]> {
    await this.#flush()
    return this.shards
  }

  async #flush(): Promise<void> {
    if (this.#numImages > 0) await this.#write(this.#buffer.subarray(0, this.#used))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const entry = await writeEntry(this.#directory, 'images', this.shards.length, bytes)
    this.shards.push({ ...entry, numImages: this.#numImages })
    this.#used = 0
    this.#numImages = 0
  }
}

/** Writes one file under a name that carries its hash, so that two writers with different bytes never meet on one key. */
export async function writeEntry(
  directory: string,
  kind: 'images' | 'labels' | 'names',
  number: number,
  bytes: Uint8Array,
): Promise<DatasetFile> {
  const hash = sha256(bytes)
  const file = `${kind}-${String(number).padStart(5, '0')}-${hash.slice(0, 12)}.${kind === 'names' ? 'json' : 'bin'}`
  await writeFile(join(directory, file), bytes)
  return { file, sizeBytes: bytes.byteLength, sha256: hash }
}

/** Little-endian int32, or null when no image has a label. */
export function labelBytes(labels: number[]): Uint8Array | null {
  if (labels.every((label) => label < 0)) return null
  const bytes = new Uint8Array(labels.length * 4)
  const view = new DataView(bytes.buffer)
  labels.forEach((label, index) => view.setInt32(index * 4, label, true))
  return bytes
}
