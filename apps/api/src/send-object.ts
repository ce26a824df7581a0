import { createHash } from 'node:crypto'
import { pipeline, Transform } from 'node:stream'
import { AppError } from '@kantor/contracts'
import type { ObjectStore } from '@kantor/storage'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface SentObject {
  key: string
  sizeBytes: number
  /** 64 hexadecimal digits. */
  sha256: string
  mediaType: string
  fileName: string
}

/** Streams an object with its hash. An object never changes, so a client that holds it gets a 304 without a look at the store. */
export async function sendObject(
  store: Pick<ObjectStore, 'get'>,
  object: SentObject,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const etag = `"${object.sha256}"`
  reply.header('etag', etag).header('cache-control', 'private, max-age=31536000, immutable')
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()

  const source = await store.get(object.key).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'not-found')
      throw new AppError('not-found', 'the bytes of this are no longer kept', { cause: error })
    throw error
  })
  reply
    .type(object.mediaType)
    .header('content-length', object.sizeBytes)
    .header('content-disposition', `attachment; filename="${object.fileName}"`)
    .header('x-kantor-sha256', object.sha256)
    .header('repr-digest', `sha-256=:${Buffer.from(object.sha256, 'hex').toString('base64')}:`)
  const verified = verifying(object)
  pipeline(source, verified, (error) => {
    if (error && !request.raw.destroyed) request.log.error({ err: error, key: object.key }, 'a download broke off')
  })
  return reply.send(verified)
}

/** Passes bytes on, one chunk behind: damaged content ends in a broken connection, never in a complete reply. */
export function verifying({ sizeBytes, sha256 }: Pick<SentObject, 'sizeBytes' | 'sha256'>): Transform {
  const hash = createHash('sha256')
  let size = 0
  let held: Buffer | undefined
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      const before = held
      held = chunk
      if (size > sizeBytes) done(new Error(`the object is longer than the ${sizeBytes} bytes of its row`))
      else done(null, before)
    },
    flush(done) {
      const found = hash.digest('hex')
      if (size === sizeBytes && found === sha256) done(null, held)
      else done(new Error(`the object has ${size} bytes of hash ${found}, its row says ${sizeBytes} of ${sha256}`))
    },
  })
}
