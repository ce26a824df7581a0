import { AppError } from '@kantor/contracts'
import {
  createImport,
  describeDataset,
  getImport,
  listDatasets,
  listDatasetVersions,
  listImports,
  newImportId,
} from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { allowedSource } from '../imports/allowed-source.js'
import { register } from '../register.js'
import { sendObject } from '../send-object.js'

export function datasetRoutes(app: FastifyInstance, { db, store, importRoots = [], importPlaces = [] }: ApiDeps): void {
  register(app, 'listDatasets', async () => ({ items: await listDatasets(db) }))
  register(app, 'importDataset', async ({ body: { id, from, format, channels }, db: joined, reply }) => {
    const found = await allowedSource(from, { importRoots, importPlaces })
    const path = 'path' in found ? found.path : from
    const made = await createImport(joined, { datasetId: id, source: { path, format, channels } })
    reply.header('location', `/imports/${made.id}`)
    return made
  })
  register(
    app,
    'uploadDataset',
    async ({ params, query: { format, channels }, db: joined, upload, request, reply }) => {
      const id = newImportId()
      // The object first and its row after, as everywhere.
      const key = `imports/${id}`
      await store.put(key, { file: upload.file }, { contentType: 'application/octet-stream', sha256: request.bodyHash })
      const source = { key, format, channels: channels && (Number(channels) as 1 | 3) }
      const made = await createImport(joined, { id, datasetId: params.id, source })
      reply.header('location', `/imports/${made.id}`)
      return made
    },
  )

  register(app, 'getDataset', async ({ params, query }) => {
    const { preview, ...dataset } = await existing(params.id, query.version)
    return { ...dataset, hasPreview: preview !== null }
  })
  register(app, 'listDatasetVersions', async ({ params }) => {
    const items = await listDatasetVersions(db, params.id)
    if (items.length === 0) throw absent(params.id)
    return { items }
  })
  register(
    app,
    'previewDataset',
    async ({ params, query, request, reply }) => {
      const { preview, id, version } = await existing(params.id, query.version)
      if (!preview) throw new AppError('not-found', `dataset ${id}@${version} has no preview; import it again for one`)
      return sendObject(store, { ...preview, fileName: `${id}-${version}.png`, mediaType: 'image/png' }, request, reply)
    },
    { exposeHeadRoute: false },
  )
  register(app, 'listImports', async ({ params }) => ({ items: await listImports(db, params.id) }))
  register(app, 'getImport', async ({ params }) => {
    const found = await getImport(db, params.id)
    if (!found) throw new AppError('not-found', `there is no import ${params.id}`)
    return found
  })

  async function existing(id: string, version: string | undefined) {
    const found = await describeDataset(db, version === undefined ? id : `${id}@${version}`)
    if (!found) throw absent(id)
    return found
  }
}

const absent = (id: string) => new AppError('not-found', `there is no dataset ${id}, or it has no such version`)
