import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { fastifyOptions } from './app.js'
import type { ApiDeps } from './deps.js'
import type { Metrics } from './metrics.js'
import { useAuth } from './plugins/auth.js'
import { serveBullBoard } from './plugins/bull-board.js'
import { useErrors } from './plugins/errors.js'
import { useSecurityHeaders } from './plugins/security-headers.js'

export interface AdminDeps extends ApiDeps {
  metrics: Metrics
  /** BullMQ's queues, where bull-board shall show them. */
  boardQueues?: readonly object[]
}

/** What operators look at, on a port of its own: it need not be reachable where the API is. The same keys and sessions are asked for. */
export async function buildAdminApp(deps: AdminDeps): Promise<FastifyInstance> {
  const app = Fastify({ ...fastifyOptions(deps), loggerInstance: deps.log as FastifyBaseLogger })
  if (deps.onRoute) app.addHook('onRoute', deps.onRoute)
  useErrors(app, deps)
  await useSecurityHeaders(app)
  await useAuth(app, deps)
  const { metrics } = deps
  app.get('/metrics', { config: { scope: 'read' } }, async (_request, reply) =>
    reply.type(metrics.mediaType).send(await metrics.read()),
  )
  if (deps.boardQueues) await serveBullBoard(app, deps.boardQueues)
  await app.ready()
  return app
}
