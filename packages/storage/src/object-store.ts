import type { Readable } from 'node:stream'

/**
 * The object store's port: bytes under keys, written once.
 *
 * What every backend promises, and `conformance.ts` checks:
 *
 * - **Create-only.** An object never changes. Putting the same content under its key again succeeds (that is how a retry after a
 *   lost answer ends well); putting other content rejects with AppError `internal` and leaves the object as it was. Of several
 *   concurrent puts of different content exactly one succeeds; on an S3 server without conditional writes (`openStore` warns) the
 *   last one stays, which our keys make harmless: they carry their content's hash.
 * - **Complete or absent.** An object is visible only when all its bytes are stored durably. A put that failed, or whose process
 *   died, leaves nothing under its key.
 * - **Verified.** The bytes that are sent are hashed; when they are not what `sha256` says, the put rejects with AppError `internal`
 *   and nothing is stored. What the store then holds has their size, or the put rejects as in an outage.
 * - **The body's file** is the caller's affair: when it cannot be read, the put rejects with AppError `internal`, since waiting for the
 *   store would not help.
 * - **Read your writes.** After a put has resolved, every process sees the object in get, head and list.
 * - **Missing** objects reject with AppError `not-found` in get and getBytes, are null in head; removing one succeeds.
 * - **Outages** (server down, disk full, access refused) reject with AppError `dependency-unavailable` within about a minute. A stream
 *   that breaks half-way emits its own error.
 * - **Keys** are 1 to 900 bytes of UTF-8: segments of 1 to 200 bytes joined by `/`, none of them `.` or `..`, no backslash, no control
 *   characters. Anything else rejects with AppError `internal` before anything is touched. One key must not be the folder of another
 *   (`a` and `a/b`). Keys are never built from user input: see `keys.ts`.
 *
 * It does not promise: the order of a listing, hashes on reading (readers hold the hash in their row and check it).
 */
export interface ObjectStore {
  put(key: string, body: ObjectBody, options: PutOptions): Promise<void>
  get(key: string): Promise<Readable>
  getBytes(key: string): Promise<Uint8Array>
  head(key: string): Promise<{ sizeBytes: number } | null>
  remove(key: string): Promise<void>
  /** Every object whose key begins with `prefix`, which need not end at a `/`. */
  list(prefix: string): AsyncIterable<ListedObject>
  /** Removes what unfinished puts left before `time`, which costs space and is seen nowhere. Answers how many. */
  removeUnfinished(time: Date): Promise<number>
  ping(): Promise<void>
  close(): Promise<void>
}

export interface ListedObject {
  key: string
  /** By the store's own clock. */
  storedAt: Date
}

/** Bytes in memory, or the path of a file that does not change during the call. */
export type ObjectBody = Uint8Array | { file: string }

export interface PutOptions {
  contentType: string
  /** Of the content, 64 lower-case hexadecimal digits. */
  sha256: string
}
