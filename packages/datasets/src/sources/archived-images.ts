import { type ArchiveLimits, quoted } from '@kantor/archives'
import { AppError } from '@kantor/contracts'
import { byName, isImageName } from './image-files.js'
import { maxFileBytes } from './walk-folder.js'

/** Half a million files: larger sets come as a folder, as LMDB or from a bucket. */
export const archiveLimits: ArchiveLimits = { maxEntries: 500_000, maxBytes: 256 * 2 ** 30, maxFileBytes }

const archiveName = /\.(?:zip|tar|tgz|gz|bz2|xz|zst|7z|rar)$/i
const foreignName = /\.(?:gif|svgz?|tiff?|bmp|heic|avif|jp2|ico|v|vips)$/i

/** Archives are not unpacked out of archives: that is how forty kilobytes become petabytes. */
export function assertNotNested(name: string): void {
  if (archiveName.test(name))
    throw new AppError('archive-too-large', `the archive holds another archive, ${quoted(name)}; unpack that first`)
}

/**
 * The images of an archive, sorted, each name once: a later entry replaces an earlier one as it would on unpacking. Where everything lies in
 * one folder, as `tar` and file managers pack it, the archive is that folder: the same content is the same version as that folder imported.
 */
export function chooseImages<F extends { name: string }>(entries: Iterable<F>): { images: F[]; numIgnored: number } {
  const byItsName = new Map<string, F>()
  const foreign: string[] = []
  let numIgnored = 0
  for (const entry of entries) {
    if (isImageName(entry.name)) byItsName.set(entry.name, entry)
    else {
      numIgnored += 1
      if (foreignName.test(entry.name)) foreign.push(entry.name)
    }
  }
  if (byItsName.size === 0 && foreign.length > 0)
    throw new AppError(
      'image-format-not-allowed',
      `the archive holds no JPEG, PNG or WebP, but ${quoted(foreign[0]!)} and the like`,
    )
  const images = withoutCommonFolder([...byItsName.values()]).sort(byName)
  return { images, numIgnored }
}

/** Only a folder that holds folders or the images themselves; what is left must still be names. */
function withoutCommonFolder<F extends { name: string }>(entries: F[]): F[] {
  const [first] = entries
  const slash = first?.name.indexOf('/') ?? -1
  if (!first || slash < 0) return entries
  const folder = first.name.slice(0, slash + 1)
  if (!entries.every(({ name }) => name.startsWith(folder))) return entries
  return entries.map((entry) => ({ ...entry, name: entry.name.slice(folder.length) }))
}
