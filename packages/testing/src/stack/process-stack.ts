import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@kantor/client'
import { type Database, migrate, openDatabase } from '@kantor/db'
import { freePort, repoRoot, type S3Settings } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import { type Proxy, startProxy, throughProxy } from '../proxy.js'
import { type RedisServer, startRedis } from '../redis.js'
import { importSpeckle } from '../speckle.js'
import { type PostgresServer, startPostgresServer } from './postgres-server.js'
import { type ServiceOptions, type ServiceProcess, serviceProcess } from './service-process.js'

export interface ProcessStackOptions {
  /** Tickets in Redis rather than in Postgres; `redis-server` must be on the PATH. */
  redis?: boolean
  /** Worker processes; default 1. */
  workers?: number
  /** Default 6, the shortest that the environment admits. */
  leaseSeconds?: number
  /** Each worker reaches Postgres through a proxy of its own. Default false. */
  wires?: boolean
  /** Objects in this bucket rather than in a directory. */
  s3?: S3Settings
  /** Commits are flushed to the disk, as in production, and take as long as that takes. Default false. */
  durable?: boolean
  /** For every process. */
  env?: NodeJS.ProcessEnv
}

/** The whole service as separate processes from `dist`, each of which may be killed, stopped and started again. */
export interface ProcessStack {
  readonly client: Client
  readonly url: string
  /** A connection of the harness's own, for looking. */
  readonly db: Database
  readonly store: ObjectStore
  /** A small synthetic dataset, id@version. */
  readonly dataset: string
  readonly directory: string
  readonly postgres: PostgresServer
  readonly redis: RedisServer | undefined
  readonly api: ServiceProcess
  readonly workers: ServiceProcess[]
  /** Between each of `workers` and Postgres; empty unless asked for. */
  readonly wires: Proxy[]
  /** One more, not started; `env` is laid over the others'. */
  newWorker(env?: NodeJS.ProcessEnv, enter?: ServiceOptions['enter']): ServiceProcess
  /** Ends every process and removes every file. */
  stop(): Promise<void>
}

export async function startProcessStack(options: ProcessStackOptions = {}): Promise<ProcessStack> {
  const directory = await mkdtemp(join(tmpdir(), 'kantor-stack-'))
  // Postgres runs as another user when we are root, and must be able to enter.
  await chmod(directory, 0o755)
  const undo: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })]
  const stop = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    return await start(options, directory, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  options: ProcessStackOptions,
  directory: string,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<ProcessStack> {
  const postgres = await startPostgresServer(join(directory, 'postgres'), { durable: options.durable })
  undo.push(() => postgres.stop())
  const redis = options.redis ? await startRedis() : undefined
  if (options.redis && !redis) throw new Error('redis-server is not on the PATH (Debian: apt-get install redis-server)')
  undo.push(async () => redis?.stop())
  await migrate(postgres.url)
  const db = await openDatabase(postgres.url, { maxConnections: 4 })
  undo.push(() => db.close())
  const store = await openStore({ directory: join(directory, 'objects'), s3: options.s3 })
  undo.push(() => store.close())
  const dataset = await importSpeckle(db, store, directory)

  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = environment(options, { directory, databaseUrl: postgres.url, redisUrl: redis?.url })
  const api = serviceProcess({
    name: 'api',
    script: join(repoRoot(), 'apps/api/dist/server.js'),
    env: { ...env, KANTOR_PORT: String(port) },
  })
  let numWorkers = 0
  const newWorker: ProcessStack['newWorker'] = (over = {}, enter) => {
    const worker = serviceProcess({
      name: `worker ${(numWorkers += 1)}`,
      script: join(repoRoot(), 'apps/worker/dist/main.js'),
      env: { ...env, ...over },
      ...(enter && { enter }),
    })
    undo.push(() => worker.kill())
    return worker
  }
  const numWorkersAtFirst = options.workers ?? 1
  const wires = await Promise.all(
    Array.from({ length: options.wires ? numWorkersAtFirst : 0 }, () => startProxy(postgres.port)),
  )
  undo.push(() => Promise.all(wires.map((wire) => wire.stop())))
  const workers = Array.from({ length: numWorkersAtFirst }, (_, index) => {
    const wire = wires[index]
    return newWorker(wire && { DATABASE_URL: throughProxy(postgres.url, wire) })
  })
  undo.push(() => api.kill())
  await Promise.all([api.start(), ...workers.map((worker) => worker.start())])
  return {
    client: createClient({ url }),
    url,
    db,
    store,
    dataset,
    directory,
    postgres,
    redis,
    api,
    workers,
    wires,
    newWorker,
    stop,
  }
}

interface Addresses {
  directory: string
  databaseUrl: string
  redisUrl: string | undefined
}

/** Nothing of ours but what the processes need: a variable in the shell must not change what a test means. */
function environment(options: ProcessStackOptions, { directory, databaseUrl, redisUrl }: Addresses): NodeJS.ProcessEnv {
  const { s3, leaseSeconds = 6 } = options
  const passed = ['PATH', 'HOME', 'LD_LIBRARY_PATH', 'TMPDIR'].map((name) => [name, process.env[name]])
  return {
    ...Object.fromEntries(passed),
    DATABASE_URL: databaseUrl,
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
    ...(s3 && {
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: s3.bucket,
      S3_ACCESS_KEY_ID: s3.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }),
    KANTOR_DATA_DIR: directory,
    KANTOR_LEASE_SECONDS: String(leaseSeconds),
    ...options.env,
  }
}
