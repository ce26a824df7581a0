import { availableParallelism } from 'node:os'
import { AppError, type ErrorCode } from '@kantor/contracts'
import { decodeImage, UnreadableImage } from '../decode-image.js'
import type { OpenSource, SkippedFiles, SourceImage, SourceLog } from './source.js'

/** Above this share of unreadable files, something is wrong with the source and not with the files. */
const maxBadShare = 0.1
const numNamed = 20
/** Decoded images in memory at once: 50 megapixels are 150 MB. */
const numInFlight = Math.min(4, availableParallelism())
/** Of the longer side to the shorter: what is left of a thinner strip after the centre crop says nothing about it. */
const maxAspect = 100

interface ImageFile {
  /** With forward slashes; data only. */
  name: string
  /** Rejects with UnreadableImage when there is no reading it. */
  read(): Promise<Uint8Array>
}

interface Collection {
  description: string
  /** Sorted as they shall be in the dataset. */
  files: Iterable<ImageFile> | AsyncIterable<ImageFile>
  /** Already known to be of no use. */
  refused?: { name: string; reason: string }[]
  labelNames: readonly string[]
  channels: 1 | 3 | undefined
  close?: () => void
}

/** Is this the name of a file that is to be an image? Anything else is ignored, hidden files and folders too. */
export const isImageName = (name: string): boolean =>
  /\.(?:jpe?g|png|webp)$/i.test(name) && !name.split('/').some((segment) => segment.startsWith('.'))

/** By code point: the same order everywhere. */
export const byName = (a: { name: string }, b: { name: string }): number =>
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))

/** The first folder of each sorted name, once; of a file right at the top there is none. */
export const labelsOf = (names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => (name.includes('/') ? [name.split('/', 1)[0] ?? ''] : []))),
]

/**
 * Files as torchvision's ImageFolder reads them: the first folder is the label. Every image is decoded once to know that it can be; a bad
 * file is skipped and named, and more than a tenth of them fails the import: as `dataset-invalid`, or as what all of them are.
 */
export function openImageFiles({ labelNames, files, channels, ...collection }: Collection, log: SourceLog): OpenSource {
  const labelNumbers = new Map(labelNames.map((label, index) => [label, index]))
  const skipped: SkippedFiles = { count: 0, first: [] }

  async function* images(): AsyncGenerator<SourceImage> {
    const codes = new Set<ErrorCode>()
    let numGood = 0
    const skip = (name: string, reason: string, code: ErrorCode) => {
      codes.add(code)
      skipped.count += 1
      if (skipped.first.length < numNamed) skipped.first.push({ name, reason })
    }
    Object.assign(skipped, { count: 0, first: [] })
    for (const { name, reason } of collection.refused ?? []) skip(name, reason, 'dataset-invalid')
    for await (const batch of batches(files, numInFlight)) {
      for (const { name, result } of await Promise.all(batch.map(readImage))) {
        if (result instanceof UnreadableImage) skip(name, result.message, result.code)
        else {
          numGood += 1
          yield { ...result, label: labelNumbers.get(name.split('/', 1)[0] ?? '') ?? -1, name }
        }
      }
    }
    if (skipped.count === 0) return
    const summary = describeSkipped(skipped, numGood)
    const [code = 'dataset-invalid'] = codes
    if (skipped.count > maxBadShare * (numGood + skipped.count))
      throw new AppError(codes.size === 1 ? code : 'dataset-invalid', summary)
    log.warn(summary)
  }
  return {
    ...collection,
    encoding: 'encoded',
    width: null,
    height: null,
    labelNames,
    channels: channels ?? null,
    images,
    skipped,
  }
}

/** JSON escapes line breaks and control characters that a file name may hold. */
function describeSkipped({ count, first }: SkippedFiles, numGood: number): string {
  const named = first.map(({ name, reason }) => `${JSON.stringify(name)}: ${reason}`)
  return `${count} of ${numGood + count} image files cannot be used: ${named.join('; ')}${count > first.length ? '; …' : ''}`
}

async function* batches<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function readImage(
  file: ImageFile,
): Promise<{ name: string; result: Pick<SourceImage, 'bytes' | 'image'> | UnreadableImage }> {
  const { name } = file
  try {
    const bytes = await file.read()
    const image = await decodeImage(bytes)
    const [shorter, longer] = [Math.min(image.width, image.height), Math.max(image.width, image.height)]
    if (longer > maxAspect * shorter)
      throw new UnreadableImage(
        `it is ${image.width} × ${image.height}; at most ${maxAspect} : 1 is read`,
        'image-dimensions',
      )
    return { name, result: { bytes, image } }
  } catch (error) {
    if (error instanceof UnreadableImage) return { name, result: error }
    // Of an archive: one damaged file, which is not the archive's end.
    if (error instanceof AppError && error.code === 'archive-invalid')
      return { name, result: new UnreadableImage(error.detail, 'dataset-invalid') }
    if (error instanceof Error && 'syscall' in error)
      return {
        name,
        result: new UnreadableImage((error as NodeJS.ErrnoException).code ?? error.message, 'dataset-invalid'),
      }
    throw error
  }
}
