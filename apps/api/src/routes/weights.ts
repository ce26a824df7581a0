import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { featureNetworkOf, type FieldError, type UploadWeightsQuery, type Weights } from '@kantor/contracts'
import { deleteWeights, listWeights, registerWeights, type StoredWeights } from '@kantor/db'
import { weightsKey } from '@kantor/storage'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { validationFailed } from '../plugins/zod.js'
import { register } from '../register.js'
import { inspectGraph } from '../weights/inspect-graph.js'
import { inspectWeights } from '../weights/inspect-weights.js'

export function weightsRoutes(app: FastifyInstance, { db, store, log }: ApiDeps): void {
  register(app, 'uploadWeights', async ({ query, db: joined, upload: { file }, request }) => {
    const { networks, features, errors } = await inspect(file, query)
    if (errors.length > 0) throw validationFailed(errors)
    const sha256 = request.bodyHash
    const key = weightsKey(randomUUID())
    // The object first and its row after, as everywhere. Where the same bytes were there before, it is litter.
    await store.put(key, { file }, { contentType: 'application/octet-stream', sha256 })
    const { size: sizeBytes } = await stat(file)
    const stored = await registerWeights(joined, { key, sizeBytes, sha256, networks, features })
    if (!isDeepStrictEqual(stored.features, features)) throw validationFailed([describedOtherwise(stored)])
    return publicOf(stored)
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

async function inspect(
  file: string,
  query: UploadWeightsQuery,
): Promise<Pick<Weights, 'networks' | 'features'> & { errors: FieldError[] }> {
  if (query.holds === 'features') {
    const features = featureNetworkOf(query)
    return { networks: ['features'], features, errors: await inspectGraph(file, features) }
  }
  const odd = (['input', 'output', 'size', 'range'] as const).filter((key) => query[key] !== undefined)
  if (odd.length === 0) return { ...(await inspectWeights(file)), features: null }
  const errors = odd.map((key): FieldError => {
    const message = 'describes a network to measure by'
    return { pointer: key, code: 'conflicting-options', message, hint: 'add holds=features, or leave it out' }
  })
  return { networks: [], features: null, errors }
}

/** One content has one description, so that the hash beside a figure says how it was measured. */
function describedOtherwise({ id, features }: StoredWeights): FieldError {
  const how = features
    ? `input=${features.input}, output=${features.output}, size=${features.size ?? 'as they are'}, range=${features.range}`
    : 'weights to start from'
  const message = `these bytes are there already as ${id}: ${how}`
  return { pointer: 'holds', code: 'conflicting-options', message, hint: `use those, or DELETE /weights/${id} first` }
}

function publicOf(stored: StoredWeights): Weights {
  const { key: _, ...weights } = stored
  return weights
}
