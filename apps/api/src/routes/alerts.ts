import { createAlertRule, deleteAlertRule, listAlertRules, listAlerts, patchAlertRule } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { register } from '../register.js'

export function alertRoutes(app: FastifyInstance): void {
  register(app, 'listAlertRules', async ({ db }) => ({ items: await listAlertRules(db) }))
  register(app, 'createAlertRule', ({ db, body }) => createAlertRule(db, body))
  register(app, 'patchAlertRule', ({ db, params, body }) => patchAlertRule(db, params.id, body))
  register(app, 'deleteAlertRule', async ({ db, params: { id } }) => {
    await deleteAlertRule(db, id)
    return { id, deleted: true as const }
  })
  register(app, 'listAlerts', async ({ db, params, query }) => ({
    items: await listAlerts(db, params.id, query.limit),
  }))
}
