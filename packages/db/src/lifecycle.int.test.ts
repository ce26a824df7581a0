import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AppError } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import {
  aCheckpoint,
  claim,
  expireLease,
  openTestDatabase,
  postgresOnly,
  submit,
  type TestDatabase,
} from '../tests/fixtures.js'
import {
  addCheckpoint,
  askJob,
  claimJob,
  type Database,
  FencedError,
  finishAttempt,
  getJob,
  listEvents,
  listJobs,
  markRunning,
  reconcile,
  renewLease,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const progress = (step: number) => ({
  step,
  totalSteps: 100,
  criticSteps: step * 5,
  epoch: 0,
  stepsPerSecond: 2,
  etaSeconds: 10,
  wEstimate: null,
})
const unknownId = '00000000-0000-7000-8000-000000000000'

async function crash(id: string, withCheckpointAt?: number) {
  const { fence } = await claim(db, (await getJob(db, id))!)
  if (withCheckpointAt !== undefined) await addCheckpoint(db, fence, aCheckpoint(withCheckpointAt))
  return finishAttempt(db, fence, { to: 'queued', reason: 'trainer_error', message: 'exit code 139' })
}

describe('a job', () => {
  test('is stored with its resolved spec and its first event', async () => {
    const job = await submit(db, { tags: { run: 'x' }, notes: 'n', priority: 7 })

    expect(job).toMatchObject({ state: 'queued', reason: 'submitted', attempt: 0, worker: null, priority: 7 })
    expect(job.spec.schedule.criticSteps).toBe(5)
    expect(await getJob(db, job.id)).toEqual(job)
    expect(await listEvents(db, job.id)).toMatchObject([{ seq: 1, actor: 'tester', from: null, to: 'queued' }])
    expect(await getJob(db, unknownId)).toBeNull()
  })

  test('goes from queued to succeeded, every move an event in its order', async () => {
    const job = await submit(db)
    const { fence, dataset, resume } = await claim(db, job)
    expect(dataset.id).toBe('digits')
    expect(resume).toBeNull()

    await markRunning(db, fence)
    await markRunning(db, fence)
    expect(await renewLease(db, fence, { leaseSeconds: 60, progress: progress(3) })).toEqual({
      state: 'running',
      pauseCheckpoint: null,
    })
    expect((await getJob(db, job.id))?.progress?.step).toBe(3)
    const done = await finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached', progress: progress(100) })

    expect(done).toMatchObject({ state: 'succeeded', attempt: 1, worker: 'worker-1', progress: { step: 100 } })
    expect(done.finishedAt).not.toBeNull()
    const events = await listEvents(db, job.id)
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4])
    expect(events.map((event) => event.to)).toEqual(['queued', 'starting', 'running', 'succeeded'])
    expect(events.map((event) => event.from)).toEqual([null, 'queued', 'starting', 'running'])
    expect([...events].sort((a, b) => a.at.localeCompare(b.at))).toEqual(events)
  })

  test('that is done before anybody said it runs, ran', async () => {
    const job = await submit(db)
    const { fence } = await claim(db, job)

    await finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached' })

    const events = await listEvents(db, job.id)
    expect(events.map((event) => event.to)).toEqual(['queued', 'starting', 'running', 'succeeded'])
  })

  test('is claimed by exactly one of many', async () => {
    const jobs = await Promise.all(Array.from({ length: 5 }, () => submit(db)))

    const claims = await Promise.all(
      jobs.flatMap((job) =>
        Array.from({ length: 40 }, (_, i) => claimJob(db, { jobId: job.id, workerId: `w${i}`, leaseSeconds: 60 })),
      ),
    )

    const won = claims.filter((claimed) => claimed !== null)
    expect(won.map((claimed) => claimed.job.id).sort()).toEqual(jobs.map((job) => job.id).sort())
    expect(won.map((claimed) => claimed.epoch)).toEqual([1, 1, 1, 1, 1])
    for (const job of jobs) expect(await listEvents(db, job.id)).toHaveLength(2)
  })

  test('whose dataset is gone fails when it is claimed, and says so', async () => {
    const job = await submit(db, { spec: { dataset: `absent@${'12'.repeat(8)}` } })

    expect(await claimJob(db, { jobId: job.id, workerId: 'w', leaseSeconds: 60 })).toBeNull()

    expect(await getJob(db, job.id)).toMatchObject({ state: 'failed', reason: 'dataset_error' })
  })

  test('of a job whose spec this release no longer takes fails it instead of coming back for ever', async () => {
    const job = await submit(db)
    await db.pool.query(`UPDATE job SET spec = jsonb_set(spec, '{batchSize}', '0') WHERE id = $1`, [job.id])

    expect(await claimJob(db, { jobId: job.id, workerId: 'w', leaseSeconds: 60 })).toBeNull()

    const failed = {
      id: job.id,
      state: 'failed',
      reason: 'invalid_spec',
      message: expect.stringContaining('batchSize'),
    }
    expect(await getJob(db, job.id)).toMatchObject(failed)
    expect((await listJobs(db, { limit: 1 })).items).toMatchObject([failed])
  })
})

describe('the fence', () => {
  test('lets no write of an older attempt through', async () => {
    const job = await submit(db)
    const first = await claim(db, job)
    await expireLease(db, job.id)
    await reconcile(db)
    const second = await claim(db, job)
    expect(second.epoch).toBe(2)

    expect(await renewLease(db, first.fence, { leaseSeconds: 60, progress: progress(50) })).toBeNull()
    await expect(markRunning(db, first.fence)).rejects.toThrow(FencedError)
    await expect(finishAttempt(db, first.fence, { to: 'failed', reason: 'diverged' })).rejects.toThrow(FencedError)
    await expect(addCheckpoint(db, first.fence, aCheckpoint(10))).rejects.toThrow(FencedError)

    expect(await getJob(db, job.id)).toMatchObject({ state: 'starting', progress: null, attempt: 2 })
    await markRunning(db, second.fence)
  })

  test('holds after the end too', async () => {
    const job = await submit(db)
    const { fence } = await claim(db, job)
    await markRunning(db, fence)
    await finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached' })

    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toBeNull()
    await expect(finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })).rejects.toThrow(FencedError)
  })

  test('of a lease that ran out still holds until somebody takes the job back', async () => {
    const job = await submit(db)
    const { fence } = await claim(db, job)
    await expireLease(db, job.id)

    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toMatchObject({ state: 'starting' })
    expect(await reconcile(db)).toEqual({ requeued: 0, cancelled: 0, failed: 0 })
  })

  test('refuses moves that the transition table does not have', async () => {
    const job = await submit(db)
    const { fence } = await claim(db, job)

    const refused = finishAttempt(db, fence, { to: 'stopped', reason: 'user' })

    await expect(refused).rejects.toMatchObject({ code: 'invalid-state', currentState: 'starting' })
    expect((await getJob(db, job.id))?.state).toBe('starting')
  })
})

describe('a cancel', () => {
  test.each(['queued', 'succeeded', 'failed', 'stopped', 'cancelled'] as const)(
    'a job being cancelled ends cancelled when its worker reports %s',
    async (to) => {
      const job = await submit(db)
      const { fence } = await claim(db, job)
      await markRunning(db, fence)
      await askJob(db, job.id, { verb: 'cancel', actor: 'user-1' })
      expect(await renewLease(db, fence, { leaseSeconds: 60 })).toMatchObject({ state: 'cancelling' })

      expect(await finishAttempt(db, fence, { to, reason: 'trainer_error' })).toMatchObject({ state: 'cancelled' })
    },
  )
})

describe('crashes', () => {
  test('the third without a new checkpoint is poison', async () => {
    const { id } = await submit(db)

    expect((await crash(id)).state).toBe('queued')
    expect((await crash(id)).state).toBe('queued')
    const last = await crash(id)

    expect(last).toMatchObject({ state: 'failed', reason: 'poison' })
    expect(last.message).toMatch(/3 times .*exit code 139/)
  })

  test('a checkpoint starts the count anew', async () => {
    const { id } = await submit(db)

    for (const at of [10, undefined, 20, undefined, 30, undefined]) expect((await crash(id, at)).state).toBe('queued')
    expect((await crash(id)).state).toBe('failed')
  })

  test('a preemption never counts', async () => {
    const { id } = await submit(db)

    for (let i = 0; i < 5; i++) {
      const { fence } = await claim(db, (await getJob(db, id))!)
      expect((await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })).state).toBe('queued')
    }
    expect((await getJob(db, id))?.worker).toBeNull()
  })

  test('a lost lease counts, and a job whose lease is lost while cancelling is cancelled', async () => {
    const poisoned = await submit(db)
    for (let i = 0; i < 3; i++) {
      await claim(db, (await getJob(db, poisoned.id))!)
      await expireLease(db, poisoned.id)
      expect(await reconcile(db)).toEqual({ requeued: i < 2 ? 1 : 0, cancelled: 0, failed: i < 2 ? 0 : 1 })
    }
    const cancelled = await submit(db)
    await claim(db, cancelled)
    await askJob(db, cancelled.id, { verb: 'cancel', actor: 'user-1' })
    await expireLease(db, cancelled.id)

    expect(await reconcile(db)).toEqual({ requeued: 0, cancelled: 1, failed: 0 })
    expect((await getJob(db, cancelled.id))?.state).toBe('cancelled')
    expect(await getJob(db, poisoned.id)).toMatchObject({ state: 'failed', reason: 'poison' })
  })
})

describe('the list of jobs', () => {
  test('shows each once, newest first, in pages, also while new ones arrive', async () => {
    const jobs = []
    for (let i = 0; i < 7; i++) jobs.push(await submit(db, { name: `page ${i}` }))

    const seen: string[] = []
    const times: string[] = []
    let cursor: string | null = null
    do {
      const page = await listJobs(db, { limit: 3, ...(cursor !== null && { cursor }) })
      seen.push(...page.items.map((job) => job.id))
      times.push(...page.items.map((job) => job.createdAt))
      cursor = page.nextCursor
      await submit(db)
    } while (cursor !== null)

    expect(seen.slice(0, 7)).toEqual(jobs.map((job) => job.id).reverse())
    expect(new Set(seen).size).toBe(seen.length)
    expect(times).toEqual(times.toSorted().toReversed())
  })

  test('takes states', async () => {
    const { items } = await listJobs(db, { limit: 200, state: ['failed', 'cancelled'] })

    expect(new Set(items.map((job) => job.state))).toEqual(new Set(['failed', 'cancelled']))
  })

  test.each(['', 'x', 'am9i', '\u0000', 'a'.repeat(500), Buffer.from(`step:1:${unknownId}`).toString('base64url')])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(listJobs(db, { limit: 3, cursor })).rejects.toThrow(AppError)
      await expect(listJobs(db, { limit: 3, cursor })).rejects.toMatchObject({ code: 'invalid-cursor' })
    },
  )
})
