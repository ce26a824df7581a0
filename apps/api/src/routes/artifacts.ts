import { AppError } from '@kantor/contracts'
import {
  type Database,
  getCheckpoint,
  getSample,
  getSamplePoints,
  listCheckpoints,
  listSamples,
  setPinned,
  type StoredCheckpoint,
} from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { sendObject } from '../send-object.js'
import { existingJob } from './jobs.js'

/** Bytes are sent as they are: they are compressed already, or do not compress. HEAD would open the object for nothing. */
const asBytes = { compress: false, exposeHeadRoute: false } as const

export function artifactRoutes(app: FastifyInstance, { db, store }: ApiDeps): void {
  register(app, 'listSamples', async ({ params, query }) => {
    const page = await listSamples(db, params.id, query)
    if (page.items.length === 0) await existingJob(db, params.id)
    return page
  })
  register(app, 'listCheckpoints', async ({ params, query }) => {
    const page = await listCheckpoints(db, params.id, query)
    if (page.items.length === 0) await existingJob(db, params.id)
    return page
  })

  register(
    app,
    'downloadSample',
    async ({ params, request, reply }) => {
      const sample = await getSample(db, params.id)
      if (!sample) throw new AppError('not-found', `there is no sample ${params.id}`)
      const fileName = `${sample.jobId}-step-${sample.step}.png`
      return sendObject(store, { ...sample, fileName, mediaType: 'image/png' }, request, reply)
    },
    asBytes,
  )
  register(app, 'getSamplePoints', async ({ params }) => {
    const points = await getSamplePoints(db, params.id)
    if (!points) throw new AppError('not-found', `there is no sample of points ${params.id}`)
    return points
  })
  register(app, 'getCheckpoint', async ({ params }) => {
    const { key: _, ...checkpoint } = await existingCheckpoint(db, params.id)
    return checkpoint
  })
  register(app, 'pinCheckpoint', ({ params }) => setPinned(db, params.id, true))
  register(app, 'unpinCheckpoint', ({ params }) => setPinned(db, params.id, false))

  register(
    app,
    'downloadCheckpoint',
    async ({ params, request, reply }) => {
      const checkpoint = await existingCheckpoint(db, params.id)
      if (checkpoint.quarantined)
        throw new AppError(
          'not-found',
          `checkpoint ${params.id} was put aside: it is damaged, or a roll-back gave it up`,
        )
      const fileName = `${checkpoint.jobId}-step-${checkpoint.step}.safetensors`
      return sendObject(store, { ...checkpoint, fileName, mediaType: 'application/octet-stream' }, request, reply)
    },
    asBytes,
  )
}

/** AppError `not-found`. */
export async function existingCheckpoint(db: Database, id: string): Promise<StoredCheckpoint> {
  const checkpoint = await getCheckpoint(db, id)
  if (!checkpoint) throw new AppError('not-found', `there is no checkpoint ${id}; old ones are not kept`)
  return checkpoint
}
