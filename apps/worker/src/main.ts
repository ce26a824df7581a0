// The supervisor process: owns database, queue, store, leases and signals. TensorFlow lives in its children only.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { assertMigrated, DatabaseUnusable, openDatabase } from '@kantor/db'
import { openQueue, QueueUnusable } from '@kantor/queue'
import { createLogger, loadEnvOrExit, openTracing, whenParentIsGone } from '@kantor/runtime'
import { openStore } from '@kantor/storage'
import { DeviceUnusable, findDevice } from './device.js'
import { outlast } from './patience.js'
import { checkSpool, SpoolUnusable } from './spool-check.js'
import { sweepSpool } from './sweep-spool.js'
import { startWorker } from './worker.js'

/** Time for all attempts to checkpoint and upload after a signal; container runtimes should allow 30 s more. */
const GRACE_MS = 120_000
/** After that, time to hand jobs back without a checkpoint. */
const ABANDON_MS = 10_000
const EXIT_CONFIG = 78

// Also while a service is waited for: until there is an attempt to hand back, leaving is enough.
let leave: () => void = () => process.exit(1)
whenParentIsGone(() => leave())

const { env, accepted } = loadEnvOrExit({
  database: 'a worker needs the database of its API (`npx kantor up` brings its own)',
  listens: false,
})
const log = createLogger(env, 'worker')
for (const exposure of accepted) log.warn(`accepted by KANTOR_INSECURE: ${exposure}`)
const unusable = [DatabaseUnusable, DeviceUnusable, QueueUnusable, SpoolUnusable]
/** What waiting does not cure is said, without a stack: a person has to change a setting. */
const refuse = (error: unknown): never => {
  if (!unusable.some((kind) => error instanceof kind)) throw error
  const { message, detail = message } = error as Error & { detail?: string }
  process.stderr.write(`${detail}\n`)
  process.exit(EXIT_CONFIG)
}
await checkSpool(env.dataDir, env.slots, log).catch(refuse)
const device = await findDevice(env).catch(refuse)

// A service that is not up yet is waited for: containers start in any order.
const waiting = { signal: new AbortController().signal, log }
const { databaseUrl, redisUrl, s3 } = env
const db = await outlast(
  'database',
  () => openDatabase(databaseUrl, { maxConnections: 4 + env.slots * 2 }),
  waiting,
).catch(refuse)
await outlast('database', () => assertMigrated(db), waiting)
const queue = await outlast(
  'queue',
  () =>
    openQueue({
      databaseUrl,
      redisUrl,
      onError: (error) => log.warn({ err: error }, 'queue'),
      warn: (message) => log.warn(message),
    }),
  waiting,
).catch(refuse)
const openObjects = () =>
  openStore({ directory: join(env.dataDir, 'objects'), s3, warn: (message) => log.warn(message) })
const store = await outlast('object store', openObjects, waiting)
await sweepSpool({ db, dataDir: env.dataDir, log }).catch((error: unknown) =>
  log.warn({ err: error }, 'the spool could not be swept'),
)
const workerId = `${hostname().slice(0, 40)}-${process.pid}-${randomBytes(3).toString('hex')}`
const tracing = await openTracing(env, 'kantor-worker')
const worker = await startWorker({
  db,
  queue,
  store,
  log,
  workerId,
  device,
  slots: env.slots,
  dataDir: env.dataDir,
  leaseSeconds: env.leaseSeconds,
  stallSeconds: env.stallSeconds,
  tracing,
})

let goingDown = false
async function goDown(why: string): Promise<void> {
  if (goingDown) return
  goingDown = true
  log.info({ why, running: worker.numRunning }, 'going down: every attempt checkpoints and hands its job back')
  setTimeout(() => insist('the grace period is over'), GRACE_MS).unref()
  try {
    await worker.drain()
    await Promise.all([queue.close(), store.close()])
    await db.close()
    await tracing?.close()
    process.exit(0)
  } catch (error) {
    log.fatal({ err: error }, 'the shutdown failed')
    process.exit(1)
  }
}

function insist(why: string): void {
  log.warn({ why }, 'killing what still runs')
  worker.abandon()
  setTimeout(() => process.exit(1), ABANDON_MS).unref()
}

// The second of one kind insists. A Ctrl-C comes as SIGINT from the terminal and perhaps as SIGTERM from a parent: that is one wish.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    process.on(signal, () => insist(`a second ${signal}`))
    void goDown(signal)
  })
}
leave = () => void goDown('the parent process is gone')
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught error')
  void goDown('an uncaught error')
})

process.send?.({ type: 'ready', workerId })
