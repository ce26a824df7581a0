import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrate } from '@kantor/db'
import { type EmbeddedPostgres, type Env, freePort, repoRoot, startPostgres } from '@kantor/runtime'
import { probeTensorFlow, tensorFlowRemedy } from '../doctor/probe-tensorflow.js'
import { Failure } from '../failure.js'
import { registerBuiltInDatasets } from './built-in-datasets.js'
import { claimDataDir, removeStackFile, type StackFile, writeStackFile } from './stack-file.js'
import { supervise, type Supervised } from './supervised.js'

export interface StackOptions {
  /** Worker processes; default 1. */
  workers?: number
  /** What a person should see; default silent. */
  note?: (line: string) => void
  /** Gives up a start between two of its steps, and takes down what it had started. */
  signal?: AbortSignal
}

export interface Stack {
  /** Base address of the API and, under /ui/, of the dashboard. */
  readonly url: string
  readonly databaseUrl: string
  /** Empty when TensorFlow is missing. */
  readonly workers: readonly Supervised[]
  readonly logDirectory: string
  /** Workers first (they checkpoint and hand their jobs back), then the API, then Postgres. */
  stop(): Promise<void>
  /** For a second Ctrl-C: no checkpoint, no farewell; Postgres is still stopped. */
  kill(): Promise<void>
}

/** A worker needs time to write a checkpoint; the API only to finish its requests. */
const WORKER_GRACE_MS = 120_000
const API_GRACE_MS = 15_000

/** Starts Postgres (unless DATABASE_URL names one), the API and the workers, and resolves when all of them are ready. */
export async function startStack(env: Env, options: StackOptions = {}): Promise<Stack> {
  const note = options.note ?? (() => {})
  const file = await claimDataDir(env.dataDir)
  // One write at a time, and none after the removal.
  let written = Promise.resolve()
  const save = () => {
    // Only a convenience for other commands: a full disk must not take the stack down.
    written = written
      .then(() => writeStackFile(env.dataDir, file))
      .catch((error: unknown) => note(`stack.json could not be written: ${String(error)}`))
  }
  const undo: Undo = [() => written.then(() => removeStackFile(env.dataDir))]
  const unwind = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    const databaseUrl = env.databaseUrl ?? (await embedded(env, file, undo, note))
    options.signal?.throwIfAborted()
    await migrate(databaseUrl)
    await registerBuiltInDatasets({ env, databaseUrl, note })
    options.signal?.throwIfAborted()
    const parts = await startProcesses({ env, databaseUrl, numWorkers: options.workers ?? 1, file, save, note, undo })
    // Whoever reads our URL may look for the file.
    await written
    options.signal?.throwIfAborted()
    let stopped: Promise<void> | undefined
    return {
      ...parts,
      databaseUrl,
      stop: () => (stopped ??= unwind()),
      async kill() {
        for (const process of parts.all) process.kill()
        await (stopped ??= unwind())
      },
    }
  } catch (error) {
    await unwind()
    throw error
  }
}

type Undo = (() => Promise<void>)[]

async function embedded(env: Env, file: StackFile, undo: Undo, note: (line: string) => void): Promise<string> {
  const postgres: EmbeddedPostgres = await startPostgres({ directory: join(env.dataDir, 'postgres'), log: note }).catch(
    (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      throw new Failure('failed', `the embedded Postgres did not start: ${why}`, {
        remedy: 'set DATABASE_URL to a Postgres of your own, or run `kantor doctor`',
        cause: error,
      })
    },
  )
  undo.push(() => postgres.stop())
  file.pids.postgres = postgres.pid
  file.databaseUrl = postgres.url
  return postgres.url
}

interface Processes {
  env: Env
  databaseUrl: string
  numWorkers: number
  file: StackFile
  save: () => void
  note: (line: string) => void
  undo: Undo
}

async function startProcesses({ env, databaseUrl, numWorkers, file, save, note, undo }: Processes) {
  const logDirectory = join(env.dataDir, 'logs')
  mkdirSync(logDirectory, { recursive: true })
  const port = await freePort(env.port)
  if (env.port !== 0 && port !== env.port) note(`port ${env.port} is taken; the API listens on ${port}`)
  const childEnv = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    KANTOR_DATA_DIR: env.dataDir,
    KANTOR_HOST: env.host,
    KANTOR_PORT: String(port),
  }
  let api: Supervised | undefined
  const workers: Supervised[] = []
  const changed = () => {
    file.url = api ? String(api.ready['url']) : null
    file.pids.workers = workers.flatMap(({ pid }) => pid ?? [])
    if (api?.pid === undefined) delete file.pids.api
    else file.pids.api = api.pid
    save()
  }
  const common = { env: childEnv, note, changed }

  api = await supervise({
    ...common,
    name: 'api',
    script: join(repoRoot(), 'apps/api/dist/server.js'),
    readyType: 'listening',
    logFile: join(logDirectory, 'api.log'),
    graceMs: API_GRACE_MS,
  })
  const started = api
  undo.push(() => started.stop())

  const numStarted = numWorkers > 0 && (await tensorFlowIsThere(note)) ? numWorkers : 0
  undo.push(async () => void (await Promise.all(workers.map((worker) => worker.stop()))))
  const starts = Array.from({ length: numStarted }, async (_, index) => {
    const worker = await supervise({
      ...common,
      name: `worker ${index + 1}`,
      script: join(repoRoot(), 'apps/worker/dist/main.js'),
      readyType: 'ready',
      logFile: join(logDirectory, `worker-${index + 1}.log`),
      graceMs: WORKER_GRACE_MS,
    })
    workers.push(worker)
  })
  // All of them are waited for, so that a failing one leaves none behind.
  const outcomes = await Promise.allSettled(starts)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
  changed()
  return { url: String(api.ready['url']), workers, logDirectory, all: [api, ...workers] }
}

async function tensorFlowIsThere(note: (line: string) => void): Promise<boolean> {
  const tensorflow = await probeTensorFlow()
  if (tensorflow.ok) return true
  note(`TensorFlow does not load, so no worker was started: ${tensorflow.problem}`)
  note(tensorFlowRemedy)
  return false
}
