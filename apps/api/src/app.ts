import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import compress from '@fastify/compress'
import { defaultBodyLimit } from '@kantor/contracts'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyHttpOptions, LogController } from 'fastify'
import type { ApiDeps } from './deps.js'
import { holdDeviceLimits } from './device-limit.js'
import { useAudit } from './plugins/audit.js'
import { useAuth } from './plugins/auth.js'
import { serveDashboard } from './plugins/dashboard.js'
import { useBodyTimeout } from './plugins/body-timeout.js'
import { serveDocs } from './plugins/docs.js'
import { answerBrokenRequest, sendProblem, useErrors } from './plugins/errors.js'
import { serveHealth } from './plugins/health.js'
import { useJsonBodies } from './plugins/json-body.js'
import { serveOpenApi } from './plugins/openapi.js'
import { useSecurityHeaders } from './plugins/security-headers.js'
import { useTracing } from './plugins/tracing.js'
import { useZod } from './plugins/zod.js'
import { accessRoutes } from './routes/access.js'
import { alertRoutes } from './routes/alerts.js'
import { archiveRoutes } from './routes/archives.js'
import { artifactRoutes } from './routes/artifacts.js'
import { curveRoutes } from './routes/curve.js'
import { curvesQueryRoutes } from './routes/curves-query.js'
import { datasetRoutes } from './routes/datasets.js'
import { dossierRoutes } from './routes/dossier.js'
import { jobRoutes } from './routes/jobs.js'
import { logRoutes } from './routes/logs.js'
import { outletRoutes } from './routes/outlets.js'
import { sweepRoutes } from './routes/sweeps.js'
import { qualityRoutes } from './routes/quality.js'
import { taskRoutes } from './routes/tasks.js'
import { usageRoutes } from './routes/usage.js'
import { webhookRoutes } from './routes/webhooks.js'
import { streamRoutes } from './routes/streams.js'
import { weightsRoutes } from './routes/weights.js'
import { workerRoutes } from './routes/workers.js'
import { verbRoutes } from './routes/verbs.js'

/** For headers to arrive, and for the largest upload; `useBodyTimeout` has the limit of other bodies. */
const HEADERS_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 24 * 3_600_000
/** How often that is looked at. */
const TIMEOUT_CHECK_MS = 1_000

/** Of every server of ours. */
export const fastifyOptions = (deps: Pick<ApiDeps, 'trustedProxies'>): FastifyHttpOptions<Server> => ({
  logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
  bodyLimit: defaultBodyLimit.mebibytes * 2 ** 20,
  requestTimeout: REQUEST_TIMEOUT_MS,
  http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: TIMEOUT_CHECK_MS },
  // Ours says so in a problem, see `useErrors`.
  return503OnClosing: false,
  trustProxy: deps.trustedProxies?.length ? deps.trustedProxies : false,
  genReqId: (request) => saneRequestId(request.headers['x-request-id']) ?? randomUUID(),
  frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  clientErrorHandler: answerBrokenRequest,
})

/** The whole HTTP side, ready to `listen` or `inject`. Closing it leaves `deps` open. */
export async function buildApp(deps: ApiDeps): Promise<FastifyInstance> {
  const app = Fastify({ ...fastifyOptions(deps), loggerInstance: deps.log as FastifyBaseLogger })
  app.decorate('deps', deps)
  app.decorate('deviceLimits', holdDeviceLimits(deps.db, deps.memoryCeiling))
  if (deps.onRoute) app.addHook('onRoute', deps.onRoute)
  deps.metrics?.observe(app)

  useTracing(app, deps)
  // Order matters: what refuses a request comes before what reads it.
  useZod(app)
  useErrors(app, deps)
  await useSecurityHeaders(app)
  await useAuth(app, deps)
  useAudit(app, deps)
  useBodyTimeout(app, deps.bodyTimeoutMs)
  useJsonBodies(app)
  await app.register(compress, {
    globalDecompression: false,
    encodings: ['br', 'gzip'],
    customTypes: /^(?:text\/|application\/(?:problem\+)?json|application\/javascript|image\/svg)/,
  })
  await serveOpenApi(app)

  jobRoutes(app)
  verbRoutes(app)
  curveRoutes(app, deps)
  curvesQueryRoutes(app, deps)
  logRoutes(app, deps)
  dossierRoutes(app, deps)
  streamRoutes(app, deps)
  artifactRoutes(app, deps)
  datasetRoutes(app, deps)
  outletRoutes(app, deps)
  sweepRoutes(app)
  archiveRoutes(app, deps)
  taskRoutes(app, deps)
  qualityRoutes(app, deps)
  usageRoutes(app)
  webhookRoutes(app, deps)
  alertRoutes(app)
  workerRoutes(app)
  weightsRoutes(app, deps)
  accessRoutes(app)
  serveHealth(app, deps)
  serveDocs(app)
  serveDashboard(app, deps.dashboardDirectory)
  await app.ready()
  return app
}

/** A client's own id is kept when it is harmless in logs and headers. */
function saneRequestId(given: string | string[] | undefined): string | undefined {
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : undefined
}
