import { basename } from 'node:path'
import { labelsOf, openImageFiles } from './image-files.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'
import { readBounded, walkFolder } from './walk-folder.js'

/** A folder as torchvision's ImageFolder reads it: the first sub-folder is the label, everything sorted by code point. */
export async function openFolder(
  { directory, channels }: Extract<DatasetSource, { kind: 'folder' }>,
  { log }: SourceContext,
): Promise<OpenSource> {
  const { files, refused, numIgnored } = await walkFolder(directory)
  if (numIgnored > 0) log.info(`ignored ${numIgnored} hidden files and files that are not .jpg, .jpeg, .png or .webp`)
  return openImageFiles(
    {
      description: `image folder ${JSON.stringify(basename(directory))}`,
      files: files.map(({ name, path }) => ({ name, read: () => readBounded(path) })),
      refused,
      labelNames: labelsOf(files.map(({ name }) => name)),
      channels,
    },
    log,
  )
}
