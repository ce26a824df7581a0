import { listDatasets } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'

export function datasetRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'listDatasets', async () => ({ items: await listDatasets(db) }))
}
