import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UnreadableImage } from '../decode-image.js'
import { type FetchedObject, indexFile, objectsFile } from './fetch-objects.js'
import { byName, labelsOf, openImageFiles } from './image-files.js'
import { readSlice } from './slices.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'

/** Images of a bucket, fetched before: the same content is the same version as that folder imported. */
export async function openObjects(
  { directory, place, channels }: Extract<DatasetSource, { kind: 'objects' }>,
  { log }: SourceContext,
): Promise<OpenSource> {
  const lines = (await readFile(join(directory, indexFile), 'utf8')).split('\n').slice(0, -1)
  const entries = lines.map((line) => JSON.parse(line) as FetchedObject).sort(byName)
  return openImageFiles(
    {
      description: `images below ${place}`,
      files: entries.map((entry) => ({ name: entry.name, read: () => readObject(directory, entry) })),
      labelNames: labelsOf(entries.flatMap((entry) => ('reason' in entry ? [] : [entry.name]))),
      channels,
    },
    log,
  )
}

async function readObject(directory: string, entry: FetchedObject): Promise<Uint8Array> {
  if ('reason' in entry) throw new UnreadableImage(entry.reason, entry.code)
  return readSlice(join(directory, objectsFile), entry)
}
