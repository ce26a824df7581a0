import { basename } from 'node:path'
import { openZip as openArchive } from '@kantor/archives'
import { archiveLimits, assertNotNested, chooseImages } from './archived-images.js'
import { existingFile } from './existing-file.js'
import { labelsOf, openImageFiles } from './image-files.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'

/** A ZIP file of images, read as the folder that it holds; it is never unpacked. */
export async function openZip(
  { file, channels }: Extract<DatasetSource, { kind: 'zip' }>,
  { log }: SourceContext,
): Promise<OpenSource> {
  await existingFile(file)
  const archive = await openArchive(file, archiveLimits)
  try {
    for (const { name } of archive.files) assertNotNested(name)
    const { images, numIgnored } = chooseImages(
      archive.files.map((zipped) => ({ name: zipped.name, read: () => zipped.read() })),
    )
    if (numIgnored > 0) log.info(`ignored ${numIgnored} entries that are hidden or not .jpg, .jpeg, .png or .webp`)
    return openImageFiles(
      {
        description: `ZIP file ${JSON.stringify(basename(file))}`,
        files: images,
        labelNames: labelsOf(images.map(({ name }) => name)),
        channels,
        close: () => archive.close(),
      },
      log,
    )
  } catch (error) {
    archive.close()
    throw error
  }
}
