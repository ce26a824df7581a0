import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { AppError } from '@kantor/contracts'
import type { DatasetSource, OpenSource, SourceImage } from './source.js'

// http://yann.lecun.com/exdb/mnist: two zero bytes, 8 for unsigned bytes, the number of dimensions; then each as uint32, big-endian.
const imagesMagic = 0x0803
const labelsMagic = 0x0801
const maxSide = 4096

/** IDX images (count × rows × columns of unsigned bytes) with optional IDX labels; gzip is recognised by content. */
export async function openIdx(source: Extract<DatasetSource, { kind: 'idx' }>): Promise<OpenSource> {
  const [numImages, height, width] = await readHeader(source.images, imagesMagic)
  if (!numImages || !height || !width || height > maxSide || width > maxSide)
    throw bad(
      source.images,
      `its header says ${numImages} images of ${height} × ${width}; expected at least one, of 1 to ${maxSide} pixels a side`,
    )
  const labels = source.labels === undefined ? null : await readLabels(source.labels, numImages)
  const numLabels = labels ? labels.reduce((most, label) => Math.max(most, label), 0) + 1 : 0
  const labelNames = labels ? (source.labelNames ?? Array.from({ length: numLabels }, (_, i) => String(i))) : []
  if (source.labels !== undefined && numLabels > labelNames.length)
    throw bad(source.labels, `it holds the label ${numLabels - 1}, but there are ${labelNames.length} label names`)

  const frame = { width, height, channels: 1 } as const
  async function* images(): AsyncGenerator<SourceImage> {
    let index = 0
    for await (const bytes of records(source.images, imagesMagic, numImages as number, frame.width * frame.height))
      yield { bytes, image: { ...frame, pixels: bytes }, label: labels?.[index++] ?? -1, name: null }
  }
  return {
    description: `IDX file ${basename(source.images)}`,
    encoding: 'raw',
    width,
    height,
    labelNames,
    channels: 1,
    images,
  }
}

async function readLabels(file: string, numImages: number): Promise<Uint8Array> {
  const [numLabels] = await readHeader(file, labelsMagic)
  if (numLabels !== numImages) throw bad(file, `it holds ${numLabels} labels for ${numImages} images`)
  for await (const labels of records(file, labelsMagic, 1, numImages)) return labels
  throw bad(file, 'it is truncated')
}

async function readHeader(file: string, magic: number): Promise<number[]> {
  const numDimensions = magic & 0xff
  const header = new Uint8Array(4 + 4 * numDimensions)
  let used = 0
  for await (const chunk of chunks(file)) {
    const part = chunk.subarray(0, header.byteLength - used)
    header.set(part, used)
    used += part.byteLength
    if (used === header.byteLength) break
  }
  if (used < header.byteLength) throw bad(file, `it is truncated: ${used} bytes, not even a header`)
  const view = new DataView(header.buffer)
  if (view.getUint32(0) !== magic)
    throw bad(
      file,
      `it starts with 0x${hex(view.getUint32(0))}; IDX ${magic === imagesMagic ? 'images' : 'labels'} start with 0x${hex(magic)}`,
    )
  return Array.from({ length: numDimensions }, (_, i) => view.getUint32(4 + 4 * i))
}

/** `count` records of `size` bytes after the header, each a copy; complains about a byte too few or too many. */
async function* records(file: string, magic: number, count: number, size: number): AsyncGenerator<Uint8Array> {
  let toSkip = 4 + 4 * (magic & 0xff)
  let record = new Uint8Array(size)
  let used = 0
  let done = 0
  for await (const chunk of chunks(file)) {
    let at = Math.min(toSkip, chunk.byteLength)
    toSkip -= at
    while (at < chunk.byteLength) {
      if (done === count) throw bad(file, `it goes on after the ${count * size} bytes that its header announces`)
      const part = chunk.subarray(at, at + size - used)
      record.set(part, used)
      used += part.byteLength
      at += part.byteLength
      if (used < size) continue
      yield record
      record = new Uint8Array(size)
      used = 0
      done += 1
    }
  }
  if (done < count) throw bad(file, `it is truncated: ${done * size + used} of ${count * size} bytes`)
}

async function* chunks(file: string): AsyncGenerator<Uint8Array> {
  const zipped = await isGzip(file)
  const stream: Readable = createReadStream(file, { highWaterMark: 1024 * 1024 })
  const bytes = zipped ? stream.pipe(createGunzip()) : stream
  // pipe() does not hand on the reading side's errors.
  if (zipped) stream.once('error', (error) => bytes.destroy(error))
  try {
    for await (const chunk of bytes) yield chunk as Buffer
  } catch (error) {
    throw bad(file, `it cannot be read: ${(error as Error).message}`, error)
  } finally {
    stream.destroy()
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new AppError('not-found', `there is no file ${JSON.stringify(file)}`, { cause: error })
    throw bad(file, `it cannot be opened: ${error.message}`, error)
  })
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } catch (error) {
    throw bad(file, `it cannot be read: ${(error as Error).message}`, error)
  } finally {
    await handle.close()
  }
}

const hex = (magic: number) => magic.toString(16).padStart(8, '0')

function bad(file: string, why: string, cause?: unknown): AppError {
  return new AppError('dataset-invalid', `${JSON.stringify(basename(file))} is not a usable IDX file: ${why}`, {
    cause,
  })
}
