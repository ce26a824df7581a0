import { archiveFileName } from '@kantor/contracts'
import type { FastifyInstance } from 'fastify'
import { importArchive } from '../archive/import-archive.js'
import { jobArchive, manifestText } from '../archive/job-archive.js'
import { zipStream } from '../archive/zip-stream.js'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { sendStream } from '../send-stream.js'
import { existingJob } from './jobs.js'

/** HEAD would make the whole for nothing. */
const asBytes = { compress: false, exposeHeadRoute: false } as const

export function archiveRoutes(app: FastifyInstance, deps: ApiDeps): void {
  register(
    app,
    'exportJob',
    async ({ db, params, query, request, reply }) => {
      const job = await existingJob(db, params.id)
      const { host } = request
      const bytes = zipStream(await jobArchive({ db, store: deps.store }, job, query.checkpoints), {
        lastName: 'manifest.json',
        last: (written) => manifestText(host, written),
        mtime: new Date(job.finishedAt ?? job.createdAt),
      })
      return sendStream(bytes, { fileName: archiveFileName(job.id), mediaType: 'application/zip' }, request, reply)
    },
    asBytes,
  )
  register(app, 'importJob', async ({ db, upload, actor, keyId, reply }) => {
    const job = await importArchive({ db, deps, upload, actor, keyId })
    reply.header('location', `/jobs/${job.id}`)
    return job
  })
}
