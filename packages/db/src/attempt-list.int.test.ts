import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import { claim, expireLease, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  type Database,
  finishAttempt,
  getJob,
  listAttempts,
  markRunning,
  reconcile,
  registerWorker,
  renewLease,
  whyWaiting,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())
beforeEach(() => db.pool.query('TRUNCATE worker, job CASCADE'))

const worker = (deviceClass: 'cpu' | 'gpu') =>
  registerWorker(db, { id: 'worker-1', host: 'anna', pid: 1, deviceClass, device: 'H100', slots: 1, versions: {} })
const progress = (step: number, etaSeconds: number | null = null) => ({
  step,
  totalSteps: 100,
  criticSteps: step * 5,
  epoch: 0,
  stepsPerSecond: 2,
  etaSeconds,
  wEstimate: null,
})

describe('attempts', () => {
  test('say where they ran, from which step to which, what they used and how they ended', async () => {
    await worker('gpu')
    const job = await submit(db)
    const first = await claim(db, job)
    await markRunning(db, first.fence)
    await renewLease(db, first.fence, { leaseSeconds: 60, progress: progress(7), cpuSeconds: 3.5 })
    const crashed = { to: 'queued', reason: 'trainer_error', message: 'it broke' } as const
    await finishAttempt(db, first.fence, { ...crashed, exit: { code: null, signal: 'SIGSEGV' } })
    const { fence } = await claim(db, (await getJob(db, job.id))!)
    await renewLease(db, fence, { leaseSeconds: 60, progress: progress(9) })

    const [one, two] = await listAttempts(db, job.id)

    expect(one).toMatchObject({
      attempt: 1,
      worker: 'worker-1',
      host: 'anna',
      deviceClass: 'gpu',
      device: 'H100',
      fromStep: 0,
      toStep: 7,
      outcome: 'queued',
      reason: 'trainer_error',
      message: 'it broke',
      exit: { code: null, signal: 'SIGSEGV' },
      usage: { cpuSeconds: 3.5 },
    })
    expect(one!.usage.gpuSeconds).toBe(one!.usage.seconds)
    expect(one!.usage.seconds).toBeCloseTo((Date.parse(one!.endedAt!) - Date.parse(one!.startedAt)) / 1000, 2)
    expect(two).toMatchObject({ attempt: 2, toStep: 9, outcome: null, reason: null, endedAt: null, exit: null })
    expect(two!.usage.seconds).toBeGreaterThan(0)
  })

  test('of a worker that was lost keep what it had told', async () => {
    await worker('cpu')
    const job = await submit(db)
    const { fence } = await claim(db, job)
    await renewLease(db, fence, { leaseSeconds: 60, progress: progress(4), cpuSeconds: 2 })
    await expireLease(db, job.id)
    await reconcile(db)

    expect(await listAttempts(db, job.id)).toMatchObject([
      { toStep: 4, outcome: 'queued', reason: 'lease_expired', exit: null, usage: { cpuSeconds: 2, gpuSeconds: 0 } },
    ])
  })
})

const etaOf = async (id: string) => (await whyWaiting(db, [id])).get(id)!.eta

describe('the time at which a waiting job starts', () => {
  test('is when the slot that it waits for becomes free, as far as that can be told', async () => {
    await worker('cpu')
    const running = await submit(db)
    const { fence } = await claim(db, running)
    const [next, after] = [await submit(db), await submit(db)]
    expect(await etaOf(next.id)).toBeNull()

    await renewLease(db, fence, { leaseSeconds: 60, progress: progress(5, 600) })

    const { rows } = await db.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    const seconds = (Date.parse((await etaOf(next.id))!) - rows[0]!.now.getTime()) / 1000
    expect(Math.abs(seconds - 600)).toBeLessThan(30)
    expect(await etaOf(after.id)).toBeNull()
  })
})
