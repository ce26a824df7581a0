import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import yazl from 'yazl'

export interface ZipEntry {
  name: string
  /** Opened when its turn comes. */
  content: () => AsyncIterable<Uint8Array | string>
  /** False for what is compressed already, or does not compress. */
  compress?: false
}

/** What an entry turned out to be. */
export interface WrittenEntry {
  name: string
  sizeBytes: number
  sha256: string
}

/**
 * Entries one after another as a ZIP, none of them whole in memory, and at the end one whose text `last` makes of all the others. One that
 * fails makes the stream fail. `mtime` is the time of all.
 */
export function zipStream(
  entries: readonly ZipEntry[],
  { lastName, last, mtime }: { lastName: string; last: (written: readonly WrittenEntry[]) => string; mtime: Date },
): Readable {
  const zip = new yazl.ZipFile()
  const output = new PassThrough()
  const written: WrittenEntry[] = []
  let open: Readable | undefined
  // yazl hears nothing of an entry that fails: unheard, it would end the process, and the reply would never end.
  const fail = (error: Error) => output.destroy(error)
  zip.on('error', fail)
  // A reader that went away leaves an entry half read.
  output.on('close', () => open?.destroy())
  const add = (name: string, content: () => AsyncIterable<Uint8Array>, compress = true) =>
    zip.addReadStreamLazy(name, { mtime, mode: 0o100644, compress }, (begin) => {
      open = Readable.from(content(), { objectMode: false }).on('error', fail)
      begin(null, open)
    })
  for (const { name, content, compress } of entries) add(name, () => measured(name, content(), written), compress)
  add(lastName, async function* () {
    yield Buffer.from(last(written))
  })
  zip.end()
  zip.outputStream.pipe(output)
  return output
}

async function* measured(
  name: string,
  content: AsyncIterable<Uint8Array | string>,
  written: WrittenEntry[],
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const part of content) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    hash.update(bytes)
    sizeBytes += bytes.byteLength
    yield bytes
  }
  written.push({ name, sizeBytes, sha256: hash.digest('hex') })
}
