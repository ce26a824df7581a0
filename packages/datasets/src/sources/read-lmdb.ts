import type { FileHandle } from 'node:fs/promises'
import { AppError } from '@kantor/contracts'

interface LmdbRecord {
  key: Uint8Array
  sizeBytes: number
  read(): Promise<Uint8Array>
}

// mdb.c of LMDB 0.9, data version 1, on 64-bit little-endian machines, which is what it is written on.
const headerBytes = 16
const magic = 0xbeefc0de
const dataVersion = 1
const isBranch = 0x01
const isLeaf = 0x02
const isOverflow = 0x04
const dupSort = 0x04
const bigData = 0x01
const plainNode = 0x00
const noPage = 2n ** 64n - 1n
/** A tree of two children per page would need so many levels for 2^32 pages. */
const maxDepth = 32

interface Meta {
  pageBytes: number
  root: bigint
  lastPage: number
  transaction: bigint
}

/**
 * The main database of an LMDB file as its newest transaction left it, in the order of keys. Read-only and without locks: a file that is written to
 * meanwhile is not what this is for. Values are read on demand. AppError `dataset-invalid` for what is not LMDB or does not hold together.
 */
export async function* readLmdb(file: FileHandle): AsyncGenerator<LmdbRecord> {
  const { pageBytes, root, lastPage } = await newestMeta(file)
  if (root === noPage) return
  let numVisited = 0

  async function* visit(number: number, depth: number): AsyncGenerator<LmdbRecord> {
    numVisited += 1
    if (depth > maxDepth || numVisited > lastPage + 1) throw bad('its pages lead in a circle')
    const page = await readPage(number)
    const flags = page.readUInt16LE(10)
    const numNodes = (page.readUInt16LE(12) - headerBytes) / 2
    if (!Number.isInteger(numNodes) || numNodes < 0 || numNodes > pageBytes / 2) throw bad(`page ${number} is damaged`)
    for (let i = 0; i < numNodes; i++) {
      const at = page.readUInt16LE(headerBytes + 2 * i)
      if (at + 8 > pageBytes) throw bad(`page ${number} is damaged`)
      // Two halves of a size, or of a page's number, whose upper part is where a leaf has its flags.
      const low = page.readUInt32LE(at)
      const upper = page.readUInt16LE(at + 4)
      if (flags === isBranch) yield* visit(low + upper * 2 ** 32, depth + 1)
      else if (flags === isLeaf) yield recordAt(number, page, at)
      else throw bad(`page ${number} is of another kind`)
    }
  }

  async function readPage(number: number): Promise<Buffer> {
    if (number > lastPage) throw bad(`it names page ${number} of ${lastPage + 1}`)
    return readAt(file, number * pageBytes, pageBytes)
  }

  function recordAt(number: number, page: Buffer, at: number): LmdbRecord {
    const sizeBytes = page.readUInt32LE(at)
    const flags = page.readUInt16LE(at + 4)
    const start = at + 8 + page.readUInt16LE(at + 6)
    const inline = flags === plainNode
    if (flags !== bigData && !inline) throw bad('it holds databases or several values of a key')
    if (start + (inline ? sizeBytes : 8) > pageBytes) throw bad(`page ${number} is damaged`)
    const key = page.subarray(at + 8, start)
    if (inline) return { key, sizeBytes, read: async () => page.subarray(start, start + sizeBytes) }
    const first = Number(page.readBigUInt64LE(start))
    return {
      key,
      sizeBytes,
      async read() {
        const head = await readPage(first)
        if (head.readUInt16LE(10) !== isOverflow || head.readUInt32LE(12) * pageBytes < headerBytes + sizeBytes)
          throw bad(`page ${first} is damaged`)
        return readAt(file, first * pageBytes + headerBytes, sizeBytes)
      },
    }
  }
  yield* visit(Number(root), 1)
}

/** Two pages take turns: the newer one that is whole counts. */
async function newestMeta(file: FileHandle): Promise<Meta> {
  const first = await metaAt(file, 0)
  if (!first) throw bad('it does not begin as LMDB files do')
  const second = await metaAt(file, first.pageBytes)
  return second && second.transaction > first.transaction ? second : first
}

async function metaAt(file: FileHandle, position: number): Promise<Meta | null> {
  const page = await readAt(file, position, 152)
  if (page.readUInt32LE(16) !== magic) return null
  if (page.readUInt32LE(20) !== dataVersion)
    throw bad(`it is of LMDB’s version ${page.readUInt32LE(20)}, not ${dataVersion}`)
  const pageBytes = page.readUInt32LE(40)
  if (pageBytes < 512 || pageBytes > 65_536 || pageBytes % 512 !== 0) throw bad(`its pages have ${pageBytes} bytes`)
  // Of the two databases the first holds the free pages.
  if (page.readUInt16LE(92) & dupSort) throw bad('it holds several values of a key')
  const [root, lastPage, transaction] = [128, 136, 144].map((offset) => page.readBigUInt64LE(offset)) as [
    bigint,
    bigint,
    bigint,
  ]
  return { pageBytes, root, lastPage: Number(lastPage), transaction }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw bad('it is cut short')
  return buffer
}

/** Do these bytes begin an LMDB file? */
export const isLmdb = (head: Buffer): boolean => head.length >= 24 && head.readUInt32LE(16) === magic

const bad = (why: string): AppError => new AppError('dataset-invalid', `this is not a usable LMDB file: ${why}`)
