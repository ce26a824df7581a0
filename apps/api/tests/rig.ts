import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  CreateJob,
  type CurvePoint,
  type Job,
  lossNames,
  type Route,
  type RouteName,
  routes,
  type Scope,
} from '@kantor/contracts'
import { claimJob, createKey, type Database, type Fence, migrate, openDatabase, registerDataset } from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { buildApp } from '../src/app.js'
import type { ApiDeps } from '../src/deps.js'
import { type Answer, type Ask, ask } from './http.js'

export const datasetVersion = 'ab'.repeat(8)
export const unknownId = '0198c0de-0000-7000-8000-000000000001'

export interface Rig {
  app: FastifyInstance
  db: Database
  store: ObjectStore
  /** How often a submit rang the dispatcher. */
  wakes: () => number
  /** Asks as the key that was made for the rig (scope admin), or as given; without keys, as nobody. */
  ask(request: Ask): Promise<Answer>
  /** Sends nothing but what is given. */
  askBare(request: Ask, address?: string): Promise<Answer>
  port: number
  key(scope: Scope): Promise<string>
  numRows(): Promise<number>
  close(): Promise<void>
}

interface RigOptions {
  databaseUrl: string
  directory: string
  /** Default true. */
  withKeys?: boolean
  /** Where to listen; default loopback. */
  host?: string
  deps?: Partial<ApiDeps>
}

export const digits = {
  id: 'digits',
  version: datasetVersion,
  contentHash: 'ab'.repeat(32),
  numImages: 1000,
  channels: 1,
  labels: [],
  source: 'made for a test',
  sizeBytes: 784_000,
}

export const registerDigits = (db: Database) => registerDataset(db, digits)

/** The app on a real database and a real directory store, with one dataset of 1000 images. */
export async function openRig({
  databaseUrl,
  directory,
  withKeys = true,
  host = '127.0.0.1',
  deps,
}: RigOptions): Promise<Rig> {
  await migrate(databaseUrl)
  const db = await openDatabase(databaseUrl)
  const store = await openStore({ directory: join(directory, 'objects') })
  await registerDigits(db)
  let wakes = 0
  const app = await buildApp({
    db,
    store,
    queue: { ping: async () => {} },
    log: createLogger({ logLevel: 'silent' }, 'test'),
    wake: () => {
      wakes += 1
    },
    allowKeyless: true,
    spoolDirectory: join(directory, 'spool'),
    importMebibytes: 16,
    dashboardDirectory: join(directory, 'no-dashboard'),
    ...deps,
  })
  const key = async (scope: Scope) => (await createKey(db, { name: `${scope} key`, scope })).key
  await app.listen({ port: 0, host })
  const { port } = app.server.address() as AddressInfo
  const own: Record<string, string> = withKeys ? { authorization: `Bearer ${await key('admin')}` } : {}
  return {
    app,
    db,
    store,
    key,
    wakes: () => wakes,
    port,
    askBare: (request, address) => ask(port, request, address),
    ask: (request) => ask(port, { ...request, headers: { ...own, ...request.headers } }),
    async numRows() {
      const { rows } = await db.pool.query<{ n: number }>(
        'SELECT (SELECT count(*) FROM job)::int + (SELECT count(*) FROM job_event)::int AS n',
      )
      return rows[0]!.n
    },
    async close() {
      await app.close()
      await db.close()
    },
  }
}

/** The reply's JSON, checked against the route table: nothing missing, nothing of a wrong type, nothing more. */
export function replyOf(name: RouteName, response: Answer): unknown {
  const route: Route = routes[name]
  const { reply, status } = route.dryRun?.status === response.statusCode ? route.dryRun : route
  if (response.statusCode !== status) throw new Error(`${name} answered ${response.statusCode}: ${response.body}`)
  if (!(reply instanceof z.ZodType)) throw new Error(`${name} answers bytes`)
  const body: unknown = response.json()
  const parsed = reply.parse(body)
  if (JSON.stringify(sorted(parsed)) !== JSON.stringify(sorted(body)))
    throw new Error(`${name} answers more than its schema says: ${response.body}`)
  return body
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

export const aBody = (changes: object = {}) => ({ name: 'a test', spec: { dataset: 'digits' }, ...changes })

export async function submit(rig: Rig, changes: object = {}): Promise<Job> {
  const body = aBody(changes)
  CreateJob.parse(body)
  return replyOf('createJob', await rig.ask({ method: 'POST', url: '/jobs', payload: body })) as Job
}

/** Claims the job as a worker does. */
export async function claim(db: Database, job: Job): Promise<Fence> {
  const claimed = await claimJob(db, { jobId: job.id, workerId: 'worker-1', leaseSeconds: 60 })
  if (!claimed) throw new Error(`job ${job.id} could not be claimed`)
  return { jobId: job.id, epoch: claimed.epoch }
}

export const aPoint = (step: number, wEstimate: number): CurvePoint => ({
  step,
  criticStep: step * 5,
  values: Float32Array.from(lossNames, (_, index) => (index === 0 ? wEstimate : -wEstimate)),
})

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
