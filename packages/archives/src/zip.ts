import { promisify } from 'node:util'
import { stat } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { AppError } from '@kantor/contracts'
import { entryName, quoted, unsafe } from './entry-name.js'
import { type ArchiveLimits, maxRatio, ratioSlack, tooLarge, unreadable } from './limits.js'

export interface ZippedFile {
  /** With forward slashes; data, never a path. */
  readonly name: string
  readonly sizeBytes: number
  /** The same as they come: for what is not to be whole in memory. Checked when the last one has come. */
  chunks(): AsyncIterable<Uint8Array>
  /** Its bytes, checked. AppError `archive-invalid` when they are damaged, `archive-too-large` when they are not as many as declared. */
  read(): Promise<Uint8Array>
}

export interface OpenZip {
  /** In the archive's order. */
  readonly files: readonly ZippedFile[]
  close(): void
}

const openFile = promisify<string, yauzl.Options, ZipFile>(yauzl.open)

/**
 * Opens a ZIP file and looks at all its entries before any is read. AppError `archive-unsafe-entry` for names and kinds of entries that
 * have no place in it, `archive-too-large` for what unfolds beyond the limits, by more than a factor of 100, or from bytes that
 * entries share; `archive-invalid` when it is no ZIP file.
 */
export async function openZip(file: string, limits: ArchiveLimits): Promise<OpenZip> {
  const { size } = await stat(file)
  // Names are decoded and sizes compared by us: yauzl would end at the first bad one with an error that has no code.
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: false }
  const zip = await openFile(file, options).catch((error: unknown) => {
    throw unreadable(error)
  })
  try {
    const entries = await listEntries(zip, limits)
    assertBounded(entries, size, limits)
    const files = entries.filter(({ isFile }) => isFile)
    return { files: files.map((entry) => zippedFile(zip, entry)), close: () => zip.close() }
  } catch (error) {
    zip.close()
    throw unreadable(error)
  }
}

interface Listed {
  entry: Entry
  name: string
  isFile: boolean
}

function listEntries(zip: ZipFile, { maxEntries }: ArchiveLimits): Promise<Listed[]> {
  if (zip.entryCount > maxEntries) throw tooLarge(`holds ${zip.entryCount} entries; at most ${maxEntries} are read`)
  const listed: Listed[] = []
  return new Promise((resolve, reject) => {
    zip.on('error', reject)
    zip.on('end', () => resolve(listed))
    zip.on('entry', (entry: Entry) => {
      try {
        listed.push(inspect(entry))
        zip.readEntry()
      } catch (error) {
        reject(error as Error)
      }
    })
    zip.readEntry()
  })
}

const kindBits = 0o170000
const kindOfFile = 0o100000
const kindOfFolder = 0o040000

/** A folder's name ends with a slash. What the attributes say of an entry's kind is a Unix mode, or 0. */
function inspect(entry: Entry): Listed {
  const { generalPurposeBitFlag, fileNameRaw, extraFields, externalFileAttributes } = entry
  const raw = yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false)
  const name = entryName(raw)
  const kind = (externalFileAttributes >>> 16) & kindBits
  if (kind !== 0 && kind !== kindOfFile && kind !== kindOfFolder) throw unsafe(raw, 'is a link or a device')
  if (entry.isEncrypted()) throw new AppError('archive-invalid', `the archive's entry ${quoted(raw)} is encrypted`)
  return { entry, name, isFile: kind !== kindOfFolder && !raw.endsWith('/') && name !== '' }
}

function assertBounded(listed: Listed[], archiveBytes: number, { maxBytes, maxFileBytes }: ArchiveLimits): void {
  let total = 0
  for (const { entry, name } of listed) {
    const { uncompressedSize, compressedSize } = entry
    total += uncompressedSize
    if (uncompressedSize > maxFileBytes)
      throw tooLarge(
        `holds ${quoted(name)}, which unfolds to ${uncompressedSize} bytes; at most ${maxFileBytes} are read`,
      )
    if (uncompressedSize > maxRatio * compressedSize + ratioSlack)
      throw tooLarge(`holds ${quoted(name)}, which unfolds by more than a factor of ${maxRatio}`)
  }
  if (total > maxBytes) throw tooLarge(`unfolds to ${total} bytes; at most ${maxBytes} are read`)
  if (total > maxRatio * archiveBytes + ratioSlack) throw tooLarge(`unfolds by more than a factor of ${maxRatio}`)
  // A bomb without nesting lets many entries share the same bytes (D. Fifield, "A better zip bomb", WOOT 2019).
  const spans = listed
    .map(({ entry }) => entry)
    .sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader)
  let end = 0
  for (const { relativeOffsetOfLocalHeader: start, compressedSize } of spans) {
    if (start < end) throw tooLarge('holds entries that overlap')
    end = start + localHeaderBytes + compressedSize
  }
  if (end > archiveBytes) throw tooLarge('declares more bytes than it has')
}

/** Without name and extra field, which follow it. */
const localHeaderBytes = 30

function zippedFile(zip: ZipFile, { entry, name }: Listed): ZippedFile {
  const { uncompressedSize: sizeBytes } = entry
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const openStream = promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip))
    let used = 0
    let checksum = 0
    try {
      for await (const chunk of await openStream(entry)) {
        const part = chunk as Buffer
        used += part.byteLength
        if (used > sizeBytes)
          throw tooLarge(`holds ${quoted(name)}, which is longer than the ${sizeBytes} bytes it declares`)
        checksum = crc32(part, checksum)
        yield part
      }
    } catch (error) {
      throw unreadable(error)
    }
    if (used < sizeBytes)
      throw tooLarge(`holds ${quoted(name)}, which has ${used} of the ${sizeBytes} bytes it declares`)
    if (checksum !== entry.crc32) throw new AppError('archive-invalid', 'its checksum is wrong')
  }
  return {
    name,
    sizeBytes,
    chunks,
    async read() {
      const bytes = new Uint8Array(sizeBytes)
      let used = 0
      for await (const chunk of chunks()) {
        bytes.set(chunk, used)
        used += chunk.byteLength
      }
      return bytes
    },
  }
}
