import { createHash, randomBytes } from 'node:crypto'
import type { ObjectStore } from '@kantor/storage'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Writes an object, reads it back, compares hashes, removes it: the reason when a checkpoint could not be trusted to this store. */
export async function checkStore(store: ObjectStore, workerId: string): Promise<string | null> {
  const key = `self-tests/${workerId}`
  const bytes = randomBytes(4096)
  try {
    await store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256(bytes) })
    const read = await store.getBytes(key)
    await store.remove(key)
    return sha256(read) === sha256(bytes) ? null : 'the object store gave back other bytes than it was given'
  } catch (error) {
    return `the object store does not take and give an object: ${error instanceof Error ? error.message : String(error)}`
  }
}
