import { Readable } from 'node:stream'
import { eventFileName } from '@kantor/contracts'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { sendStream } from '../send-stream.js'
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
