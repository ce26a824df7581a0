import { listWorkers, setDraining } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { register } from '../register.js'

/** A worker reads its row with every heartbeat: what is asked here reaches it within ten seconds, and outlives this process. */
export function workerRoutes(app: FastifyInstance): void {
  register(app, 'listWorkers', async ({ db }) => ({ items: await listWorkers(db) }))
  register(app, 'drainWorker', ({ db, params }) => setDraining(db, params.id, true))
  register(app, 'enableWorker', ({ db, params }) => setDraining(db, params.id, false))
}
