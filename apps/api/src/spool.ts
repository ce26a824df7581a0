import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '@kantor/contracts'
import type { FastifyRequest } from 'fastify'
import { drain } from './plugins/errors.js'

/** Older ones were left by a process that died. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000

/** Removes what uploads of processes that died have left. */
export async function sweepUploads(spoolDirectory: string): Promise<void> {
  for (const name of await readdir(spoolDirectory).catch(() => [] as string[])) {
    const directory = join(spoolDirectory, name)
    const found = await stat(directory).catch(() => null)
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(directory, { recursive: true, force: true })
  }
}

/** A request's body as a file of this machine. */
export interface SpooledUpload {
  /** Its own, for what is unpacked beside it; gone when the request is answered. */
  directory: string
  file: string
}

interface SpoolOptions {
  spoolDirectory: string
  maxMebibytes: number
}

/**
 * Writes a body of bytes into a file while it arrives, and runs `work` with it; afterwards the file is gone, whatever happened. AppError
 * `empty-body`, `payload-too-large`.
 */
export async function withSpooled<T>(
  request: FastifyRequest,
  { spoolDirectory, maxMebibytes }: SpoolOptions,
  work: (upload: SpooledUpload) => Promise<T>,
): Promise<T> {
  await mkdir(spoolDirectory, { recursive: true, mode: 0o700 })
  const directory = await mkdtemp(join(spoolDirectory, 'upload-'))
  try {
    const file = join(directory, 'body')
    const { sizeBytes, sha256 } = await receive(request, file, maxMebibytes)
    if (sizeBytes === 0) throw new AppError('empty-body', 'this request needs a body')
    request.bodyHash = sha256
    return await work({ directory, file })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function receive(request: FastifyRequest, file: string, maxMebibytes: number) {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const tooLarge = () => new AppError('payload-too-large', `a body may hold ${maxMebibytes} MiB here at most`)
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.byteLength
      hash.update(chunk)
      if (sizeBytes > maxMebibytes * 2 ** 20) done(tooLarge())
      else done(null, chunk)
    },
  })
  try {
    if (Number(request.headers['content-length'] ?? 0) > maxMebibytes * 2 ** 20) throw tooLarge()
    // Not the request itself: a pipeline that fails would destroy it, and the answer with it.
    const body = Readable.from(request.body as Readable, { objectMode: false })
    await pipeline(body, counted, createWriteStream(file, { mode: 0o600 }))
  } catch (error) {
    if (error instanceof AppError) await drain(request.raw)
    throw error
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}
