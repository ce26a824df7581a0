// What the tests of whole attempts share: a migrated database, a directory store, a small synthetic data set, jobs on it.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CurveQuery, type CurveReply, type Job, JobSpec, reproducibleNames, type StartFrom } from '@kantor/contracts'
import {
  createJob,
  type Database,
  getCheckpoint,
  getJob,
  listCheckpoints,
  migrate,
  openDatabase,
  readCurve,
} from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import { importSpeckle, weightsHash } from '@kantor/testing'
import type { WorkerDeps } from '../run-attempt.js'

export interface LogLine {
  msg: string
  pid?: number
  attempt?: number
  [field: string]: unknown
}

export interface Rig {
  databaseUrl: string
  dataDir: string
  db: Database
  store: ObjectStore
  /** The log of everything that runs in this process. */
  lines: LogLine[]
  deps(workerId: string): WorkerDeps
  /** A queued job: mlp on 16 × 16 grey images, one critic step per generator step, unless `spec` says otherwise. */
  submit(spec?: object, startFrom?: StartFrom): Promise<Job>
  /** Every point of the effective curve, as it is on the wire, but for what a clock measured. */
  curve(jobId: string): Promise<CurveReply['series']>
  /** Tensor names and bytes of the newest checkpoint: what two equal runs have in common. */
  weights(jobId: string): Promise<{ step: number; sha256: string }>
  close(): Promise<void>
}

/** The shortest that the environment admits: renewed every second. */
export const LEASE_SECONDS = 6

export async function openRig(databaseUrl: string, directory: string): Promise<Rig> {
  await migrate(databaseUrl)
  const db = await openDatabase(databaseUrl, { maxConnections: 6 })
  const dataDir = join(directory, 'data')
  const store = await openStore({ directory: join(dataDir, 'objects') })
  const dataset = await importSpeckle(db, store, directory)
  const lines: LogLine[] = []
  const log = createLogger({ logLevel: 'info' }, 'test', {
    write: (line) => void lines.push(JSON.parse(line) as LogLine),
  })
  const device = { deviceClass: 'cpu', threads: 1 } as const

  return {
    databaseUrl,
    dataDir,
    db,
    store,
    lines,
    deps: (workerId) => ({ db, store, log, workerId, dataDir, leaseSeconds: LEASE_SECONDS, stallSeconds: 600, device }),
    submit: (over = {}, startFrom) => submit(db, dataset, over, startFrom),
    async curve(jobId) {
      const reply = await readCurve(
        db,
        jobId,
        CurveQuery.parse({ metrics: reproducibleNames.join(','), resolution: '1', maxPoints: '5000' }),
      )
      return reply.series
    },
    async weights(jobId) {
      const [newest] = (await listCheckpoints(db, jobId, { limit: 1 })).items
      if (!newest) throw new Error(`job ${jobId} has no checkpoint`)
      const stored = await getCheckpoint(db, newest.id)
      return { step: newest.step, sha256: weightsHash(await store.getBytes(stored!.key)) }
    },
    async close() {
      await store.close()
      await db.close()
    },
  }
}

async function submit(db: Database, dataset: string, over: object, startFrom?: StartFrom): Promise<Job> {
  const spec = JobSpec.parse({
    dataset,
    seed: 7,
    model: { generator: 'mlp', critic: 'mlp', imageSize: 16, latentSize: 8, generatorFilters: 8, criticFilters: 8 },
    schedule: { criticSteps: 1, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    batchSize: 16,
    budget: { generatorSteps: 40 },
    sampling: { every: 20, count: 4 },
    checkpoint: { everySteps: 20, keep: 3 },
    ...over,
  })
  const job = { name: 'test', tags: {}, notes: '', priority: 100, spec, startFrom }
  return createJob(db, { job, lint: [], actor: 'test' })
}

/** Waits for something that other processes bring about. The test's own time limit ends it. */
export async function until<T>(
  what: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  for (;;) {
    const found = await what()
    if (found) return found
    await sleep(50)
  }
}

export async function stateOf(db: Database, jobId: string): Promise<Pick<Job, 'state' | 'reason' | 'attempt'>> {
  const job = await getJob(db, jobId)
  return { state: job!.state, reason: job!.reason, attempt: job!.attempt }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
