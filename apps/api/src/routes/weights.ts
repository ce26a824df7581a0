import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { Weights } from '@kantor/contracts'
import { deleteWeights, listWeights, registerWeights, type StoredWeights } from '@kantor/db'
import { weightsKey } from '@kantor/storage'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { validationFailed } from '../plugins/zod.js'
import { register } from '../register.js'
import { inspectWeights } from '../weights/inspect-weights.js'

export function weightsRoutes(app: FastifyInstance, { db, store, log }: ApiDeps): void {
  register(app, 'uploadWeights', async ({ db: joined, upload: { file }, request }) => {
    const { networks, errors } = await inspectWeights(file)
    if (errors.length > 0) throw validationFailed(errors)
    const sha256 = request.bodyHash
    const key = weightsKey(randomUUID())
    // The object first and its row after, as everywhere. Where the same bytes were there before, it is litter.
    await store.put(key, { file }, { contentType: 'application/octet-stream', sha256 })
    const { size: sizeBytes } = await stat(file)
    return publicOf(await registerWeights(joined, { key, sizeBytes, sha256, networks }))
  })
  register(app, 'listWeights', async ({ query }) => {
    const { items, nextCursor } = await listWeights(db, query)
    return { items: items.map(publicOf), nextCursor }
  })
  register(app, 'deleteWeights', async ({ params, db: joined, afterwards }) => {
    const key = await deleteWeights(joined, params.id)
    afterwards(() =>
      store.remove(key).catch((error: unknown) => log.warn({ err: error, key }, 'deleted weights were left behind')),
    )
    return { id: params.id, deleted: true as const }
  })
}

function publicOf(stored: StoredWeights): Weights {
  const { key: _, ...weights } = stored
  return weights
}
