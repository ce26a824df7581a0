import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Bytes that are made while they are sent. A stream that fails ends in a broken connection, never in a complete reply. */
export function sendStream(
  bytes: Readable,
  { fileName, mediaType }: { fileName: string; mediaType: string },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  bytes.on('error', (err) => {
    if (!request.raw.destroyed) request.log.error({ err, fileName }, 'a download broke off')
  })
  return reply
    .type(mediaType)
    .header('content-disposition', `attachment; filename="${fileName}"`)
    .header('cache-control', 'private, no-cache')
    .send(bytes)
}
