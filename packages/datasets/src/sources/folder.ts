import { basename } from 'node:path'
import { availableParallelism } from 'node:os'
import { AppError } from '@kantor/contracts'
import { decodeImage, UnreadableImage } from '../decode-image.js'
import { type FoundFile, readBounded, walkFolder } from './walk-folder.js'
import type { DatasetSource, OpenSource, SourceImage, SourceLog } from './source.js'

/** Above this share of unreadable files, something is wrong with the folder and not with the files. */
const maxBadShare = 0.1
const numNamed = 20
/** Decoded images in memory at once: 50 megapixels are 150 MB. */
const numInFlight = Math.min(4, availableParallelism())

/**
 * A folder as torchvision's ImageFolder reads it: the first sub-folder is the label, everything sorted by code point.
 * Files right in the folder have no label. Every image is decoded once to know that it can be; a bad file is skipped
 * and named, and more than a tenth of them fails the import.
 */
export async function openFolder(
  source: Extract<DatasetSource, { kind: 'folder' }>,
  log: SourceLog,
): Promise<OpenSource> {
  const { files, refused, numIgnored } = await walkFolder(source.directory)
  if (numIgnored > 0) log.info(`ignored ${numIgnored} hidden files and files that are not .jpg, .jpeg, .png or .webp`)
  const labelNames = [
    ...new Set(files.flatMap(({ name }) => (name.includes('/') ? [name.split('/', 1)[0] ?? ''] : []))),
  ]
  const labelNumbers = new Map(labelNames.map((label, index) => [label, index]))

  async function* images(): AsyncGenerator<SourceImage> {
    const skipped = [...refused]
    let numGood = 0
    for (let start = 0; start < files.length; start += numInFlight) {
      const batch = await Promise.all(files.slice(start, start + numInFlight).map(readImage))
      for (const [index, result] of batch.entries()) {
        const name = files[start + index]?.name ?? ''
        if ('reason' in result) skipped.push({ name, reason: result.reason })
        else {
          numGood += 1
          yield { ...result, label: labelNumbers.get(name.split('/', 1)[0] ?? '') ?? -1, name }
        }
      }
    }
    // JSON escapes line breaks and control characters that a file name may hold.
    const named = skipped.slice(0, numNamed).map(({ name, reason }) => `${JSON.stringify(name)}: ${reason}`)
    const summary = `${skipped.length} of ${numGood + skipped.length} image files cannot be used: ${named.join('; ')}${skipped.length > numNamed ? '; …' : ''}`
    if (skipped.length > maxBadShare * (numGood + skipped.length)) throw new AppError('validation-failed', summary)
    if (skipped.length > 0) log.warn(summary)
  }
  return {
    description: `image folder ${JSON.stringify(basename(source.directory))}`,
    encoding: 'encoded',
    width: null,
    height: null,
    labelNames,
    channels: source.channels ?? null,
    images,
  }
}

async function readImage(file: FoundFile): Promise<Pick<SourceImage, 'bytes' | 'channels'> | { reason: string }> {
  try {
    const bytes = await readBounded(file.path)
    const { channels } = await decodeImage(bytes)
    return { bytes, channels }
  } catch (error) {
    if (error instanceof UnreadableImage) return { reason: error.message }
    if (error instanceof Error && 'syscall' in error)
      return { reason: (error as NodeJS.ErrnoException).code ?? error.message }
    throw error
  }
}
