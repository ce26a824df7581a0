import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importDataset } from '@kantor/datasets'
import { type Database, registerDataset } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'

const NUM_IMAGES = 96

/** Reproducible noise with some structure: a xorshift sequence. */
function seededBytes(length: number): Uint8Array {
  let state = 2463534242
  return Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state & 0xff
  })
}

/** Imports and registers the dataset `speckle`: 96 grey images of 16 × 16, as an IDX file below `directory`. Answers id@version. */
export async function importSpeckle(db: Database, store: ObjectStore, directory: string): Promise<string> {
  // As MNIST's: magic 0x803, three big-endian sizes, pixels.
  const header = Buffer.alloc(16)
  ;[0x803, NUM_IMAGES, 16, 16].forEach((value, i) => header.writeUInt32BE(value, 4 * i))
  await mkdir(directory, { recursive: true })
  const file = join(directory, 'images-idx3-ubyte')
  await writeFile(file, Buffer.concat([header, seededBytes(NUM_IMAGES * 256)]))
  const imported = await importDataset({ id: 'speckle', source: { kind: 'idx', images: file }, store })
  const { id, version } = await registerDataset(db, imported)
  return `${id}@${version}`
}
