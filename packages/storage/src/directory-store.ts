import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, type FileHandle, link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { AppError } from '@kantor/contracts'
import { chunksOf, measure, noSuchObject, otherContent, wrongHash } from './content.js'
import { codeOf, messageOf } from './failure.js'
import { checkKey } from './object-key.js'
import type { ListedObject, ObjectBody, ObjectStore, PutOptions } from './object-store.js'

/** A store below `directory` (created when absent): objects as plain files under `objects/`, unfinished ones under `partial/`. */
export async function openDirectoryStore(directory: string): Promise<ObjectStore> {
  const root = resolve(directory)
  const store = new DirectoryStore(join(root, 'objects'), join(root, 'partial'))
  await store.prepare()
  return store
}

class DirectoryStore implements ObjectStore {
  readonly #objects: string
  readonly #partial: string

  constructor(objects: string, partial: string) {
    this.#objects = objects
    this.#partial = partial
  }

  async prepare(): Promise<void> {
    await this.#guard(async () => {
      await mkdir(this.#objects, { recursive: true })
      await mkdir(this.#partial, { recursive: true })
    })
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<void> {
    const path = this.#path(key)
    const partial = join(this.#partial, randomBytes(12).toString('hex'))
    await this.#guard(async () => {
      try {
        const sha256 = await writeDurably(partial, body)
        if (sha256 !== options.sha256) throw wrongHash(key, options.sha256, sha256)
        const made = await mkdir(dirname(path), { recursive: true })
        // A link, not a rename: it fails when the name is taken, in one step.
        await link(partial, path)
        await syncFolders(dirname(path), made ? dirname(made) : dirname(path))
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
        const existing = await measure(await this.#read(key))
        if (existing.sha256 !== options.sha256) throw otherContent(key)
      } finally {
        await unlink(partial).catch(() => undefined)
      }
    })
  }

  get(key: string): Promise<Readable> {
    return this.#guard(() => this.#read(key))
  }

  getBytes(key: string): Promise<Uint8Array> {
    return this.#guard(async () => {
      const chunks: Uint8Array[] = []
      for await (const chunk of await this.#read(key)) chunks.push(chunk as Uint8Array)
      return new Uint8Array(Buffer.concat(chunks))
    })
  }

  head(key: string): Promise<{ sizeBytes: number } | null> {
    const path = this.#path(key)
    return this.#guard(async () => {
      try {
        const found = await stat(path)
        return found.isFile() ? { sizeBytes: found.size } : null
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key)
    await this.#guard(async () => {
      try {
        await unlink(path)
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    })
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    // Only the folder that the prefix ends in is walked, not the whole store.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    if (folder !== '') checkKey(folder.slice(0, -1))
    for await (const key of this.#walk(folder)) {
      if (!key.startsWith(prefix)) continue
      // Removed since the folder was read: no longer an object.
      const found = await stat(this.#path(key)).catch(() => null)
      if (found) yield { key, storedAt: found.mtime }
    }
  }

  removeUnfinished(time: Date): Promise<number> {
    return this.#guard(async () => {
      let numRemoved = 0
      for (const name of await readdir(this.#partial)) {
        const path = join(this.#partial, name)
        const found = await stat(path).catch(() => null)
        if (!found || found.mtime >= time) continue
        await rm(path, { force: true })
        numRemoved += 1
      }
      return numRemoved
    })
  }

  ping(): Promise<void> {
    return this.#guard(() => access(this.#partial, constants.W_OK))
  }

  async close(): Promise<void> {}

  async *#walk(folder: string): AsyncGenerator<string> {
    const entries = await this.#guard(async () => {
      try {
        return await readdir(join(this.#objects, folder), { withFileTypes: true })
      } catch (error) {
        if (isMissing(error)) return []
        throw error
      }
    })
    for (const entry of entries) {
      if (entry.isDirectory()) yield* this.#walk(`${folder}${entry.name}/`)
      else if (entry.isFile()) yield `${folder}${entry.name}`
    }
  }

  async #read(key: string): Promise<Readable> {
    let file: FileHandle | undefined
    try {
      file = await open(this.#path(key), 'r')
      if ((await file.stat()).isFile()) return file.createReadStream({ highWaterMark: 1 << 18 })
    } catch (error) {
      await file?.close()
      if (isMissing(error)) throw noSuchObject(key, error)
      throw error
    }
    await file.close()
    throw noSuchObject(key)
  }

  #path(key: string): string {
    checkKey(key)
    return join(this.#objects, key)
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof AppError || codeOf(error) === undefined) throw error
      throw new AppError(
        'dependency-unavailable',
        `the object directory ${this.#objects} cannot be used: ${messageOf(error)}`,
        {
          cause: error,
        },
      )
    }
  }
}

/** Writes and syncs a new file; answers the hash of what was written. */
async function writeDurably(path: string, body: ObjectBody): Promise<string> {
  const file = await open(path, 'wx')
  try {
    const hash = createHash('sha256')
    for await (const chunk of chunksOf(body)) {
      hash.update(chunk)
      await file.writeFile(chunk)
    }
    await file.sync()
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

/** A new name is durable when its folder is synced, and a new folder when its parent is: from `folder` up to `top`. */
async function syncFolders(folder: string, top: string) {
  for (let current = folder; ; current = dirname(current)) {
    const handle = await open(current, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (current === top || current === dirname(current)) return
  }
}

const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '')
