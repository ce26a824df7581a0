// The API process: one HTTP server, and perhaps the leading dispatcher. It never loads TensorFlow.
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { DatabaseUnusable, hasKeys, migrate, openDatabase } from '@kantor/db'
import { openQueue, QueueUnusable } from '@kantor/queue'
import {
  createLogger,
  isLoopback,
  loadEnvOrExit,
  openTracing,
  repoRoot,
  runUntilSignal,
  whenParentIsGone,
} from '@kantor/runtime'
import { openStore } from '@kantor/storage'
import type { FastifyInstance } from 'fastify'
import { buildAdminApp } from './admin-app.js'
import { buildApp } from './app.js'
import type { ApiDeps } from './deps.js'
import { startDispatcher } from './dispatcher.js'
import { createMetrics } from './metrics.js'
import { sweepUploads } from './spool.js'
import { waitFor } from './wait-for.js'

const EXIT_CONFIG = 78
/** For requests under way; a container runtime should allow a little more. */
const GRACE_MS = 12_000
const IDLE_SWEEP_MS = 100

// Requests leave garbage, and nearly nothing lives longer: V8 would let 40 MB in use grow to 175 before it collects. At twice as much the
// process stays well below the 290 MB that the same load took; at half again as much it collects so often that a batch keeps others waiting.
setFlagsFromString('--heap-growing-percent=100')

// Also while a service is waited for: until there is something to close, leaving is enough.
let leave: () => void = () => process.exit(1)
whenParentIsGone(() => leave())

const { env, accepted } = loadEnvOrExit({
  database: 'set it, or run `npx kantor up`, which brings its own',
  listens: true,
})
const { databaseUrl, redisUrl, s3 } = env
const log = createLogger(env, 'api')
for (const exposure of accepted) log.warn(`accepted by KANTOR_INSECURE: ${exposure}`)

const db = await waitFor('database', () => openDatabase(databaseUrl), log).catch(refuseUnusable)
await waitFor('database', () => migrate(databaseUrl), log).catch(refuseUnusable)
const allowKeyless = isLoopback(env.host)
if (!allowKeyless && !(await hasKeys(db)))
  refuse(
    `KANTOR_HOST: ${env.host} can be reached by others and there is no API key; make one with \`kantor key create --scope admin --name <name>\`, or set KANTOR_HOST=127.0.0.1`,
  )
const queue = await waitFor(
  'queue',
  () =>
    openQueue({
      databaseUrl,
      redisUrl,
      onError: (error) => log.warn({ err: error }, 'queue'),
      warn: (message) => log.warn(message),
    }),
  log,
).catch(refuseUnusable)
const store = await waitFor(
  'object store',
  () => openStore({ directory: join(env.dataDir, 'objects'), s3, warn: (message) => log.warn(message) }),
  log,
)

const tracing = await openTracing(env, 'kantor-api')

let isShuttingDown = false
const { dataDir, importRoots, importPlaces, importMebibytes } = env
const dispatcher = startDispatcher({
  db,
  queue,
  store,
  log,
  tracing,
  auditDays: env.auditDays,
  allowPrivateWebhooks: env.webhookPrivate,
  imports: { dataDir, importRoots, importPlaces, importMebibytes, importService: env.importService },
})
const metrics = createMetrics({ db, queue })
const deps: ApiDeps = {
  db,
  queue,
  store,
  log,
  wake: () => dispatcher.wake(),
  allowKeyless,
  hosts: env.hosts,
  trustedProxies: env.trustedProxies,
  requestsPerSecond: env.rateLimit,
  memoryCeiling: env.memoryBytes,
  allowPrivateWebhooks: env.webhookPrivate,
  spoolDirectory: join(env.dataDir, 'spool-api'),
  importRoots,
  importPlaces,
  importMebibytes,
  dashboardDirectory: join(repoRoot(), 'apps/dashboard/dist'),
  isShuttingDown: () => isShuttingDown,
  tracing,
}
await sweepUploads(deps.spoolDirectory)
const app = await buildApp({ ...deps, metrics })
const admin =
  env.adminPort === undefined
    ? null
    : await buildAdminApp({ ...deps, metrics, ...(env.bullBoard && { boardQueues: queue.bullQueues() }) })

const shutdown = runUntilSignal(log, { graceMs: GRACE_MS }, async () => {
  isShuttingDown = true
  // Stops listening, lets requests finish, ends idle connections; again and again, since a reply that was under way keeps its connection
  // alive for another minute.
  const servers = admin ? [app, admin] : [app]
  const sweep = () => servers.forEach(({ server }) => server.closeIdleConnections())
  const sweeping = setInterval(sweep, IDLE_SWEEP_MS)
  await Promise.all(servers.map((one) => one.close()))
  clearInterval(sweeping)
  await dispatcher.close()
  await Promise.all([queue.close(), store.close()])
  await db.close()
  await tracing?.close()
})
leave = () => {
  if (!isShuttingDown) shutdown.begin()
}

const url = await listenOn(app, env.port, 'KANTOR_PORT')
const adminUrl = admin && (await listenOn(admin, env.adminPort!, 'KANTOR_ADMIN_PORT'))
log.info({ url, ...(adminUrl && { adminUrl }), keyless: allowKeyless && !(await hasKeys(db)) }, 'listening')
process.send?.({ type: 'listening', url, ...(adminUrl && { adminUrl }) })

/** The address where this machine reaches it. */
async function listenOn(one: FastifyInstance, wanted: number, variable: string): Promise<string> {
  try {
    await one.listen({ host: env.host, port: wanted })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error
    refuse(`KANTOR_HOST, ${variable}: cannot listen on ${env.host} port ${wanted} (${code}); choose another`)
  }
  const { port } = one.server.address() as AddressInfo
  return `http://${urlHost(env.host)}:${port}`
}

/** Where this machine reaches the server. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** A service that answers and will not do. */
function refuseUnusable(error: unknown): never {
  if (error instanceof QueueUnusable) refuse(error.message)
  if (error instanceof DatabaseUnusable) refuse(error.detail)
  throw error
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n`)
  process.exit(EXIT_CONFIG)
}
