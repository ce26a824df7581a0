import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { AppError } from '@kantor/contracts'
import { messageOf } from './failure.js'
import type { ObjectBody } from './object-store.js'

export interface Content {
  sizeBytes: number
  sha256: string
}

/** The size and hash of what `chunks` yield. */
export async function measure(chunks: AsyncIterable<Uint8Array>): Promise<Content> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    sizeBytes += chunk.byteLength
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** The body as chunks; call again to read it again. AppError `internal` when its file cannot be read: the store is not at fault. */
export async function* chunksOf(body: ObjectBody): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) return yield body
  try {
    // What the reader of this generator throws does not come by here: it only ends the loop.
    for await (const chunk of createReadStream(body.file, { highWaterMark: 1 << 20 })) yield chunk as Uint8Array
  } catch (error) {
    throw new AppError('internal', `${body.file} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

export function wrongHash(key: string, wanted: string, found: string): AppError {
  return new AppError('internal', `the content for ${key} has the sha256 ${found}, not ${wanted}; nothing was stored`)
}

export function otherContent(key: string): AppError {
  return new AppError('internal', `${key} exists with other content; objects are written once`)
}

export function noSuchObject(key: string, cause?: unknown): AppError {
  return new AppError('not-found', `there is no object ${key}`, { cause })
}
