import { constants } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { AppError } from '@kantor/contracts'
import { UnreadableImage } from '../decode-image.js'
import { byName, isImageName } from './image-files.js'

export const maxFileBytes = 64 * 1024 * 1024

interface FoundFile {
  /** Resolved, inside the folder. */
  path: string
  /** Relative to the folder, with forward slashes. */
  name: string
}

export interface FoundFiles {
  files: FoundFile[]
  /** Entries that look like images but must not be followed. */
  refused: { name: string; reason: string }[]
  numIgnored: number
}

/** Every image file below the folder, by code point. Links to files inside it count; links out of it and links to directories are refused. */
export async function walkFolder(directory: string): Promise<FoundFiles> {
  const root = await realpath(resolve(directory)).catch((cause: Error) => {
    throw new AppError('not-found', `there is no folder ${JSON.stringify(directory)}`, { cause })
  })
  if (!(await stat(root)).isDirectory())
    throw new AppError('dataset-invalid', `${JSON.stringify(directory)} is a file, not a folder of images`)
  const found: FoundFiles = { files: [], refused: [], numIgnored: 0 }
  await visit(root, root, found)
  found.files.sort(byName)
  return found
}

async function visit(root: string, directory: string, found: FoundFiles): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    const name = relative(root, path).split(sep).join('/')
    if (entry.isDirectory() && !entry.name.startsWith('.')) await visit(root, path, found)
    else if (entry.isSymbolicLink()) await visitLink(root, path, name, found)
    else if (entry.isFile() && isImageName(entry.name)) found.files.push({ path, name })
    else found.numIgnored += 1
  }
}

async function visitLink(root: string, path: string, name: string, found: FoundFiles): Promise<void> {
  const refuse = (reason: string) => void found.refused.push({ name, reason })
  const target = await realpath(path).catch(() => null)
  if (target === null) return refuse('a link to nothing')
  if (!target.startsWith(root + sep)) return refuse('a link out of the folder')
  if (!(await stat(target)).isFile()) return refuse('a link to a directory')
  if (isImageName(name)) found.files.push({ path: target, name })
  else found.numIgnored += 1
}

/** Reads a regular file of at most 64 MiB. Never follows a link that took its place meanwhile, never waits on a pipe. */
export async function readBounded(path: string): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat()
    const size = stats.size
    if (!stats.isFile()) throw new UnreadableImage('it is not a regular file')
    if (size === 0) return new Uint8Array(0)
    if (size > maxFileBytes)
      throw new UnreadableImage(`the file has ${size} bytes; at most ${maxFileBytes} are read`, 'image-too-large')
    const bytes = new Uint8Array(size)
    const { bytesRead } = await handle.read(bytes, 0, size, 0)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
