import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, type DatasetFormat, type ErrorCode } from '@kantor/contracts'
import { archiveLimits } from './archived-images.js'
import type { Bucket, BucketObject, Downloaded } from './bucket.js'
import { sourceAt, type Wish } from './detect.js'
import { isImageName } from './image-files.js'
import type { Slice } from './slices.js'
import type { DatasetSource } from './source.js'
import { maxFileBytes } from './walk-folder.js'

/** Requests under way: most of a small object's time is waiting. */
const numInFlight = 8

/** An object that looked like an image and is not to be had; else where its bytes are. */
export type FetchedObject = Slice | { name: string; reason: string; code: ErrorCode }

export interface FetchOptions {
  bucket: Bucket
  /** As people write it, for messages. */
  place: string
  /** The objects below it are the images of a folder; or it is the key of a file. */
  key: string
  /** Default: what is there says it. Anything but `folder` is one object. */
  format?: DatasetFormat | undefined
  /** Where the objects are left. */
  directory: string
  /** Of all objects together. */
  maxBytes: number
  signal: AbortSignal
}

/** What was brought: a file to look at, or images that `openObjects` reads. */
export type Fetched = { path: string } | { objects: Extract<DatasetSource, { kind: 'objects' }> }

/**
 * Brings objects of a bucket into a directory, so that whoever decodes them needs neither credentials nor a network. Decodes nothing itself,
 * and turns no key into a path. Objects that vanish, change or cannot be meant are noted, and counted as bad files later. AppError
 * `dataset-unavailable` when nothing is there, `archive-too-large` for more than is read.
 */
export async function fetchObjects(options: FetchOptions): Promise<Fetched> {
  const { key, format, place, directory } = options
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`
  let only: BucketObject | undefined
  if (format === undefined || format === 'folder') {
    const found = await fetchImages(folder, options)
    if (found.numImages === 0 && found.numOthers === 1 && format === undefined) only = found.other
    else if (found.numImages + found.numOthers > 0) return { objects: { kind: 'objects', directory, place } }
  }
  only ??= key === folder ? undefined : await exactly(key, options)
  if (only === undefined) throw new AppError('dataset-unavailable', `nothing lies at ${place}, or below it`)
  return { path: await fetchFile(only, options) }
}

/** The source that was fetched; a file's form is told by its content. AppError as of `sourceAt`. */
export async function fetchedSource(fetched: Fetched, wish: Wish): Promise<DatasetSource> {
  if ('path' in fetched) return sourceAt(fetched.path, wish)
  return { ...fetched.objects, ...(wish.channels && { channels: wish.channels }) }
}

async function exactly(key: string, { bucket, signal }: FetchOptions): Promise<BucketObject | undefined> {
  // The key itself is the first of all that begin with it.
  for await (const object of bucket.list(key, signal)) return object.key === key ? object : undefined
  return undefined
}

async function fetchFile(object: BucketObject, { bucket, directory, maxBytes, place, signal }: FetchOptions) {
  if (object.sizeBytes > maxBytes) throw tooLarge(maxBytes)
  const path = join(directory, 'object')
  const file = await open(path, 'w')
  try {
    const outcome = await bucket.download(object, file, 0, signal)
    if (outcome !== 'whole') throw new AppError('dataset-unavailable', `${place}: ${reasons[outcome]}; import it again`)
    return path
  } finally {
    await file.close()
  }
}

/** All of a folder that may be images, into one file, and their places into an index beside it. */
async function fetchImages(folder: string, { bucket, directory, maxBytes, ...options }: FetchOptions) {
  const found = { numImages: 0, numOthers: 0, other: undefined as BucketObject | undefined }
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const spool = await open(join(directory, objectsFile), 'w')
  const index = await open(join(directory, indexFile), 'w')
  const lines: string[] = []
  const note = (entry: FetchedObject) => void lines.push(`${JSON.stringify(entry)}\n`)

  /** Where an object's bytes go is known from its size, so that they may come in any order. */
  async function* wanted(): AsyncGenerator<{ object: BucketObject; slice: Slice }> {
    let end = 0
    for await (const object of bucket.list(folder, signal)) {
      const name = object.key.slice(folder.length)
      // What consoles lay down for a folder.
      if (name === '' || name.endsWith('/')) continue
      if (found.numImages + found.numOthers === archiveLimits.maxEntries)
        throw new AppError('archive-too-large', `there are more than ${archiveLimits.maxEntries} objects`)
      if (lines.length >= 1000) await index.write(lines.splice(0).join(''))
      if (!isImageName(isOdd(name) ? name.slice(name.lastIndexOf('/') + 1) : name)) {
        found.numOthers += 1
        if (!isOdd(name)) found.other ??= object
        continue
      }
      found.numImages += 1
      const slice = { name, start: end, length: object.sizeBytes }
      const bad = cannotBe(slice)
      if (bad) {
        note(bad)
        continue
      }
      end += object.sizeBytes
      if (end > maxBytes) throw tooLarge(maxBytes)
      yield { object, slice }
    }
  }

  let failure: unknown
  const objects = wanted()
  const fetchSome = async () => {
    try {
      for await (const { object, slice } of objects) note(await fetchSlice(object, slice, { bucket, spool, signal }))
    } catch (error) {
      failure ??= error
      ending.abort()
    }
  }
  try {
    await Promise.all(Array.from({ length: numInFlight }, fetchSome))
    if (failure !== undefined) throw failure
    await index.write(lines.join(''))
  } finally {
    await index.close()
    await spool.close()
  }
  return found
}

interface Fetching {
  bucket: Bucket
  spool: FileHandle
  signal: AbortSignal
}

async function fetchSlice(object: BucketObject, slice: Slice, { bucket, spool, signal }: Fetching) {
  const outcome = await bucket.download(object, spool, slice.start, signal)
  return outcome === 'whole' ? slice : bad(slice, reasons[outcome])
}

function cannotBe(slice: Slice): FetchedObject | undefined {
  const { name, length } = slice
  if (length > maxFileBytes)
    return bad(slice, `the object has ${length} bytes; at most ${maxFileBytes} are read`, 'image-too-large')
  return isOdd(name) ? bad(slice, 'its key has an empty or a relative part') : undefined
}

/** A key that leads upwards would be another object to whatever stands between us and the bucket and tidies URLs. */
const isOdd = (name: string): boolean => name.split('/').some((part) => part === '' || part === '.' || part === '..')

const bad = ({ name }: Slice, reason: string, code: ErrorCode = 'dataset-invalid'): FetchedObject => ({
  name,
  reason,
  code,
})

export const objectsFile = 'objects.bin'
export const indexFile = 'objects.jsonl'

const reasons: Record<Exclude<Downloaded, 'whole'>, string> = {
  gone: 'it vanished while the bucket was read',
  changed: 'it changed while the bucket was read',
}

const tooLarge = (maxBytes: number) =>
  new AppError(
    'archive-too-large',
    `there are more than the ${Math.floor(maxBytes / 2 ** 20)} MiB that are read (KANTOR_IMPORT_MIB)`,
  )
