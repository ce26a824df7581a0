import { Readable } from 'node:stream'
import { eventFileName } from '@kantor/contracts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { eventFile } from '../tensorboard/event-file.js'
import { existingJob } from './jobs.js'

/** HEAD would make the whole for nothing. */
const asBytes = { compress: false, exposeHeadRoute: false } as const

export function outletRoutes(app: FastifyInstance, { db, store }: ApiDeps): void {
  register(
    app,
    'downloadTensorBoard',
    async ({ params, request, reply }) => {
      const job = await existingJob(db, params.id)
      const bytes = Readable.from(eventFile({ db, store }, job), { objectMode: false })
      return sendStream(bytes, { fileName: eventFileName(job), mediaType: 'application/octet-stream' }, request, reply)
    },
    asBytes,
  )
}

/** A stream that fails ends in a broken connection, never in a complete reply. */
function sendStream(
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
