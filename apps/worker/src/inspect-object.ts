import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '@kantor/contracts'
import type { StoredCheckpoint } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'
import { outlast, type Patience } from './patience.js'

/** What an object was found to be. */
export interface Found {
  sizeBytes: number
  sha256: string
}

/**
 * Reads and hashes an object once, into a sink when one is given; null when it is missing. AppError `dependency-unavailable` when the
 * store does not answer or the stream breaks half-way: half an object says nothing about it.
 */
export async function inspectObject(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
  openSink: () => Writable = () => new Writable({ write: (_chunk, _encoding, done) => done() }),
): Promise<Found | null> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      sizeBytes += chunk.byteLength
      done(null, chunk)
    },
  })
  try {
    await pipeline(await store.get(key), measure, openSink(), { signal })
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-found') return null
    if (error instanceof AppError) throw error
    throw new AppError('dependency-unavailable', `the download of ${key} broke off`, { cause: error })
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** What is wrong with a checkpoint's object, or null when it is the one its row describes. */
export function faultOf(row: Pick<StoredCheckpoint, 'sizeBytes' | 'sha256'>, found: Found | null): string | null {
  if (found === null) return 'its object is missing'
  if (found.sizeBytes !== row.sizeBytes) return `its object has ${found.sizeBytes} bytes, the row says ${row.sizeBytes}`
  return found.sha256 === row.sha256 ? null : `its object has sha256 ${found.sha256}, the row says ${row.sha256}`
}

/**
 * Brings an object into a file; what is wrong with it, or null when it is the one its row describes. A bad one is fetched twice, because a
 * wire may err too.
 */
export async function fetchObject(
  store: ObjectStore,
  row: { key: string } & Pick<StoredCheckpoint, 'sizeBytes' | 'sha256'>,
  file: string,
  patience: Patience,
): Promise<string | null> {
  const fetchOnce = () =>
    outlast(
      'download',
      async () => faultOf(row, await inspectObject(store, row.key, patience.signal, () => createWriteStream(file))),
      patience,
    )
  return (await fetchOnce()) && (await fetchOnce())
}
