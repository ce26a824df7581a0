import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { Failure } from './failure.js'

/** The whole of a download, or no file: it gets its name when all of it is there. An older file of that name is replaced. */
export async function saveStream(bytes: ReadableStream<Uint8Array>, file: string): Promise<void> {
  const part = `${file}.part`
  try {
    await pipeline(Readable.fromWeb(bytes), createWriteStream(part))
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    const { message } = error as Error
    throw new Failure('failed', `${file} was not written: ${message}`, { cause: error })
  }
}
