import { open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UnreadableImage } from '../decode-image.js'
import { existingFile } from './existing-file.js'
import { openImageFiles } from './image-files.js'
import { readLmdb } from './read-lmdb.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'
import { maxFileBytes } from './walk-folder.js'

/** An LMDB database whose values are images, as LSUN's are: no labels, in the order of keys, each key the name. */
export async function openLmdb(
  { path, channels }: Extract<DatasetSource, { kind: 'lmdb' }>,
  { log }: SourceContext,
): Promise<OpenSource> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory()
  const place = isFolder ? join(path, 'data.mdb') : path
  await existingFile(place)
  const file = await open(place)

  async function* files() {
    for await (const record of readLmdb(file))
      yield {
        name: nameOf(record.key),
        async read() {
          if (record.sizeBytes > maxFileBytes)
            throw new UnreadableImage(`it has ${record.sizeBytes} bytes`, 'image-too-large')
          return record.read()
        },
      }
  }
  return openImageFiles(
    {
      description: `LMDB ${JSON.stringify(basename(path))}`,
      files: { [Symbol.asyncIterator]: files },
      labelNames: [],
      channels,
      close: () => void file.close(),
    },
    log,
  )
}

/** Printable ASCII as it is, which LSUN's keys are, anything else in hexadecimal. */
function nameOf(key: Uint8Array): string {
  const bytes = Buffer.from(key)
  return /^[\x20-\x7e]+$/.test(bytes.toString('latin1')) ? bytes.toString('latin1') : bytes.toString('hex')
}
