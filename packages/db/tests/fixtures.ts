import { CreateJob, type CreateJobInput, type CurvePoint, type Job, JobSpec, lossNames } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import {
  type Claim,
  claimJob,
  createJob,
  type Database,
  type Fence,
  migrate,
  type NewTrial,
  openDatabase,
  registerDataset,
} from '../src/index.js'

export const datasetVersion = 'ab'.repeat(8)

interface Services {
  databaseUrl: string
  stop(): Promise<void>
}

export interface TestDatabase {
  db: Database
  services: Services
  stop(): Promise<void>
}

/** What a file of tests asks `startServices` for. */
export const postgresOnly = { redis: false, s3: false }

/** Their database, migrated, with the dataset that `submit` names; `stop` ends the services too. */
export async function openTestDatabase(services: Services): Promise<TestDatabase> {
  try {
    await migrate(services.databaseUrl)
    const db = await openDatabase(services.databaseUrl, { maxConnections: 20 })
    await registerDataset(db, aDataset())
    const stop = async () => {
      await db.close()
      await services.stop()
    }
    return { db, services, stop }
  } catch (error) {
    await services.stop()
    throw error
  }
}

export const aDataset = (changes: Partial<{ id: string; version: string; contentHash: string }> = {}) => ({
  id: 'digits',
  version: datasetVersion,
  contentHash: 'ab'.repeat(32),
  numImages: 1000,
  channels: 1,
  labels: ['zero', 'one'],
  source: 'made for a test',
  sizeBytes: 784_000,
  ...changes,
})

type SpecChanges = Partial<CreateJobInput['spec']>

type JobChanges = Partial<Omit<CreateJobInput, 'spec'>> & {
  spec?: SpecChanges
  keyId?: string | null
  trial?: NewTrial
}

/** A queued job. */
export function submit(db: Database, { keyId = null, trial, ...changes }: JobChanges = {}) {
  const { preset, ...job } = CreateJob.parse({
    name: 'a test',
    ...changes,
    spec: { dataset: `digits@${datasetVersion}`, seed: 1, ...changes.spec },
  })
  if (preset !== undefined) throw new Error('a preset is resolved before a job is stored')
  return createJob(db, { job: { ...job, spec: JobSpec.parse(job.spec) }, lint: [], actor: 'tester', keyId, trial })
}

/** The next attempt of a job that is queued. */
export async function claim(db: Database, job: Job, leaseSeconds = 60): Promise<Claim & { fence: Fence }> {
  const claimed = await claimJob(db, { jobId: job.id, workerId: 'worker-1', leaseSeconds })
  if (!claimed) throw new Error(`job ${job.id} could not be claimed`)
  return { ...claimed, fence: { jobId: job.id, epoch: claimed.epoch } }
}

/** Makes a lease run out without waiting for it. */
export async function expireLease(db: Database, jobId: string): Promise<void> {
  await db.pool.query(`UPDATE job SET lease_until = now() - interval '1 s' WHERE id = $1`, [jobId])
}

/** A point whose other series follow from the first. */
export const aPoint = (step: number, wEstimate: number): CurvePoint => ({
  step,
  criticStep: step * 5,
  values: Float32Array.from(lossNames, (_, index) => (index === 0 ? wEstimate : wEstimate * (index + 1))),
})

export const aCheckpoint = (step: number, points: CurvePoint[] = []) => ({
  id: uuidv7(),
  step,
  key: `jobs/test/checkpoints/${uuidv7()}`,
  sizeBytes: 1234,
  sha256: 'cd'.repeat(32),
  points,
})

export const aSample = (step: number) => ({
  id: uuidv7(),
  step,
  key: `jobs/test/samples/${uuidv7()}`,
  numImages: 64,
  columns: 8,
  tileSize: 32,
  padding: 2,
  channels: 1,
  sizeBytes: 999,
  sha256: 'ef'.repeat(32),
})
