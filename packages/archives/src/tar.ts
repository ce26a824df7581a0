import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { entryName, quoted, unsafe } from './entry-name.js'
import { type ArchiveLimits, maxRatio, ratioSlack, tooLarge, unreadable } from './limits.js'

export interface TarredFile {
  /** With forward slashes; data, never a path. */
  readonly name: string
  readonly sizeBytes: number
  /** Its bytes, at most `sizeBytes`; what is not read is skipped. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** A failure of any part destroys `entries`, whose reader then learns of it. */
const toldByEntries = () => {}
const kindOfFile = new Set(['file', 'contiguous-file'])

/**
 * The files of a tar archive, plain or gzipped, one after the other, as they come by; the next one comes when the one before has been dealt
 * with. AppError `archive-unsafe-entry` for links, devices and names that lead elsewhere, `archive-too-large`
 * beyond the limits and when it unfolds by more than a factor of 100, `archive-invalid` when it is damaged or no tar archive.
 */
export async function* readTar(file: string, limits: ArchiveLimits): AsyncGenerator<TarredFile> {
  const source = createReadStream(file, { highWaterMark: 2 ** 18 })
  const zipped = await isGzip(file)
  let unpacked = 0
  async function* bounded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      unpacked += chunk.byteLength
      if (unpacked > limits.maxBytes) throw tooLarge(`unfolds to more than ${limits.maxBytes} bytes`)
      if (zipped && unpacked > maxRatio * source.bytesRead + ratioSlack)
        throw tooLarge(`unfolds by more than a factor of ${maxRatio}`)
      yield chunk
    }
  }
  // Headers above 4 MiB are an error to it: long names never fill the memory.
  const entries = extract()
  if (zipped) pipeline(source, createGunzip(), bounded, entries, toldByEntries)
  else pipeline(source, bounded, entries, toldByEntries)
  let numEntries = 0
  try {
    for await (const entry of entries) {
      numEntries += 1
      if (numEntries > limits.maxEntries) throw tooLarge(`holds more than ${limits.maxEntries} entries`)
      const { name: raw, type, size: sizeBytes } = entry.header
      const name = entryName(raw)
      const isFile = kindOfFile.has(type ?? '')
      if (!isFile && type !== 'directory') throw unsafe(raw, `is a ${type ?? 'thing of an unknown kind'}, not a file`)
      if (isFile && sizeBytes > limits.maxFileBytes)
        throw tooLarge(`holds ${quoted(raw)} of ${sizeBytes} bytes; at most ${limits.maxFileBytes} are read`)
      if (isFile && name !== '') yield { name, sizeBytes, chunks: told(entry as AsyncIterable<Uint8Array>) }
      entry.resume()
    }
  } catch (error) {
    throw unreadable(error)
  } finally {
    source.destroy()
  }
}

/** What breaks while a file is read is told to its reader, and there it needs a code too. */
async function* told(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    throw unreadable(error)
  }
}

export async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}
