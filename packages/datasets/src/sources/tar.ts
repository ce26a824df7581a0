import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readTar } from '@kantor/archives'
import { archiveLimits, assertNotNested, chooseImages } from './archived-images.js'
import { existingFile } from './existing-file.js'
import { isImageName, labelsOf, openImageFiles } from './image-files.js'
import { readSlice, type Slice } from './slices.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'

/**
 * A tar file of images, plain or gzipped, read as the folder that it holds. A tar file has no index and cannot be read in order of names, so its
 * images go one behind the other into one scratch file: no name of an entry ever becomes a path.
 */
export async function openTar(
  { file, channels }: Extract<DatasetSource, { kind: 'tar' }>,
  { log, scratch, onBytes }: SourceContext,
): Promise<OpenSource> {
  await existingFile(file)
  const spool = join(scratch, 'tar-images.bin')
  const { images, numIgnored } = chooseImages(await spoolImages(file, spool, onBytes))
  if (numIgnored > 0) log.info(`ignored ${numIgnored} entries that are hidden or not .jpg, .jpeg, .png or .webp`)
  return openImageFiles(
    {
      description: `tar file ${JSON.stringify(basename(file))}`,
      files: images.map((slice) => ({ name: slice.name, read: () => readSlice(spool, slice) })),
      labelNames: labelsOf(images.map(({ name }) => name)),
      channels,
    },
    log,
  )
}

async function spoolImages(file: string, spool: string, onBytes: SourceContext['onBytes']): Promise<Slice[]> {
  const out = await open(spool, 'w')
  try {
    const slices: Slice[] = []
    let end = 0
    for await (const { name, chunks } of readTar(file, archiveLimits)) {
      assertNotNested(name)
      onBytes?.()
      const start = end
      if (isImageName(name))
        for await (const chunk of chunks) {
          await out.write(chunk)
          end += chunk.byteLength
        }
      slices.push({ name, start, length: end - start })
    }
    return slices
  } finally {
    await out.close()
  }
}
