import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, freePort, repoRoot } from '@kantor/runtime'
import { probeTensorFlow, tensorFlowRemedy } from '../doctor/probe-tensorflow.js'
import type { StackFile } from './stack-file.js'
import { supervise, type Supervised } from './supervised.js'

/** A worker needs time to write a checkpoint; the API only to finish its requests. */
const WORKER_GRACE_MS = 120_000
const API_GRACE_MS = 15_000

/** What takes down again what was started, last one first. */
export type Undo = (() => Promise<void>)[]

interface Processes {
  env: Env
  databaseUrl: string
  numWorkers: number
  file: StackFile
  save: () => void
  note: (line: string) => void
  undo: Undo
}

/** Starts the API and, when it answers, the workers; resolves when all are ready, rejects when one cannot start. */
export async function startProcesses({ env, databaseUrl, numWorkers, file, save, note, undo }: Processes) {
  const logDirectory = join(env.dataDir, 'logs')
  mkdirSync(logDirectory, { recursive: true })
  const childEnv = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    KANTOR_DATA_DIR: env.dataDir,
    KANTOR_HOST: env.host,
    // For commands; no business of a service.
    KANTOR_API_KEY: '',
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

  const startApi = (port: number) =>
    supervise({
      ...common,
      env: { ...childEnv, KANTOR_PORT: String(port) },
      name: 'api',
      script: join(repoRoot(), 'apps/api/dist/server.js'),
      readyType: 'listening',
      logFile: join(logDirectory, 'api.log'),
      graceMs: API_GRACE_MS,
    })
  const port = await freePort(env.port)
  const started = await startApi(port).catch(async (error: unknown) => {
    // Another stack that starts at this moment may have been faster.
    const other = await freePort(port)
    return other === port ? Promise.reject(error) : startApi(other)
  })
  undo.push(() => started.stop())
  api = started
  changed()
  const url = String(started.ready['url'])
  if (env.port !== 0 && Number(new URL(url).port) !== env.port)
    note(`port ${env.port} is taken; the API answers at ${url}`)

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
  return { url, workers, logDirectory, all: [started, ...workers] }
}

async function tensorFlowIsThere(note: (line: string) => void): Promise<boolean> {
  const tensorflow = await probeTensorFlow()
  if (tensorflow.ok) return true
  note(`TensorFlow does not load, so no worker was started: ${tensorflow.problem}`)
  note(tensorFlowRemedy)
  return false
}
