// A service of its own for `kantor paper`: embedded, in a temporary directory, gone afterwards.
import { setMaxListeners } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '@kantor/client'
import {
  type CreateJobInput,
  isTerminal,
  type Job,
  type PointLaw,
  type Sample,
  type SeriesName,
} from '@kantor/contracts'
import { importDataset, pointDataset } from '@kantor/datasets'
import { openDatabase, registerDataset } from '@kantor/db'
import { type Env, loadEnv } from '@kantor/runtime'
import { Failure } from '../failure.js'
import { note } from '../output.js'
import { openObjectStore } from '../stack/built-in-datasets.js'
import { runStack } from '../stack/run-stack.js'

/** A job that is over, and the way to what it left. */
export interface Trained {
  job: Job
  /** One value per generator step that has one, oldest first; NaN where it was not finite. */
  readonly curve: (series: SeriesName) => Promise<number[]>
  /** The newest checkpoint, a safetensors file. */
  readonly checkpoint: () => Promise<Uint8Array>
  /** Oldest first, that of the untrained generator included; at most 200. */
  readonly samples: () => Promise<LabSample[]>
}

export interface LabSample {
  sample: Sample
  png: Uint8Array
}

export interface Lab {
  /** Shorter runs and fewer seeds. */
  readonly fast: boolean
  /**
   * Submits a job and waits for its end; two run at a time. Of one spec there is one job, whichever experiments ask for it. Failure when it did
   * not succeed.
   */
  train(job: Pick<CreateJobInput, 'name' | 'spec'>): Promise<Trained>
  /** The name of a dataset of points. */
  points(law: PointLaw): Promise<string>
  /** The name of a dataset of these PNG files, under an id of its own. */
  images(id: string, files: readonly Uint8Array[]): Promise<string>
  /** Machine seconds of the jobs it has seen the end of, shared ones included. */
  readonly seconds: number
}

const WORKERS = 2
const LOOK_MS = 500

/** Variables that would lead to somebody's real service, or open this one to others. */
const foreign = /^(?:DATABASE_URL|REDIS_URL|S3_.*|KANTOR_(?:API_KEY|URL|HOSTS?|ADMIN_PORT|SLOTS|CRASH_AT))$/

/** Runs `use` on a fresh stack; `openLab` gives every experiment a lab of its own on it, which counts its seconds. */
export async function withLab<T>(fast: boolean, use: (openLab: () => Lab) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kantor-paper-'))
  // As root, Postgres runs as another user, who has to pass.
  await chmod(dataDir, 0o711)
  for (const name of Object.keys(process.env)) if (foreign.test(name)) delete process.env[name]
  const env = loadEnv({ ...process.env, KANTOR_DATA_DIR: dataDir, KANTOR_PORT: '0' })
  try {
    return await runStack(env, { workers: WORKERS, note }, (stack, _stopped, signal) => {
      if (stack.workers.length === 0)
        throw new Failure('failed', 'the lab trains jobs, and without TensorFlow nobody does')
      // Every waiting job listens.
      setMaxListeners(0, signal)
      const client = createClient({ url: stack.url })
      const jobs = new Map<string, Promise<Job>>()
      return use(() => createLab(client, { fast, env, databaseUrl: stack.databaseUrl, signal, jobs }))
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

interface Place {
  fast: boolean
  env: Env
  databaseUrl: string
  signal: AbortSignal
  /** By spec. */
  jobs: Map<string, Promise<Job>>
}

function createLab(client: Client, { fast, env, databaseUrl, signal, jobs }: Place): Lab {
  let seconds = 0
  const register = async (dataset: Parameters<typeof registerDataset>[1]) => {
    const db = await openDatabase(databaseUrl, { maxConnections: 1 })
    try {
      const { id, version } = await registerDataset(db, dataset)
      return `${id}@${version}`
    } finally {
      await db.close()
    }
  }
  return {
    fast,
    get seconds() {
      return seconds
    },
    points: (law) => register(pointDataset(law.kind, law)),
    async images(id, files) {
      const directory = join(env.dataDir, 'made', id)
      await mkdir(directory, { recursive: true })
      await Promise.all(files.map((file, i) => writeFile(join(directory, `${i}.png`), file)))
      const store = await openObjectStore(env)
      try {
        return await register(await importDataset({ id, source: { kind: 'folder', directory }, store }))
      } finally {
        await store.close()
      }
    },
    async train(body) {
      const key = JSON.stringify(body.spec)
      const submitted = jobs.get(key) ?? run(client, body, signal)
      jobs.set(key, submitted)
      const job = await submitted
      seconds += secondsOf(job)
      if (job.state === 'succeeded') return trained(client, job)
      throw new Failure('failed', `${job.name} ${job.state} (${job.reason})${job.message ? `: ${job.message}` : ''}`)
    },
  }
}

async function run(client: Client, body: CreateJobInput, signal: AbortSignal): Promise<Job> {
  const { id } = await client.createJob({ body })
  for (;;) {
    signal.throwIfAborted()
    const job = await client.getJob({ params: { id } })
    if (isTerminal(job.state)) return job
    await sleep(LOOK_MS, undefined, { signal })
  }
}

const secondsOf = ({ startedAt, finishedAt }: Job): number =>
  startedAt === null || finishedAt === null ? 0 : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000

const PAGE = 5000

function trained(client: Client, job: Job): Trained {
  const params = { id: job.id }
  return {
    job,
    async curve(series) {
      const values: number[] = []
      const numSteps = job.progress?.step ?? 0
      for (let from = 1; from <= numSteps; from += PAGE) {
        const query = { metrics: [series], agg: 'none', from, to: from + PAGE - 1, maxPoints: PAGE } as const
        const reply = await client.getCurve({ params, query })
        values.push(...(reply.series[series]?.last ?? []).map(Number))
      }
      return values
    },
    async checkpoint() {
      const { items } = await client.listCheckpoints({ params, query: { limit: 1 } })
      if (!items[0]) throw new Failure('failed', `${job.name} left no checkpoint`)
      return client.downloadCheckpoint({ params: { id: items[0].id } })
    },
    async samples() {
      const { items } = await client.listSamples({ params, query: { limit: 200 } })
      const download = async (sample: Sample) => ({
        sample,
        png: await client.downloadSample({ params: { id: sample.id } }),
      })
      return Promise.all(items.toReversed().map(download))
    },
  }
}
