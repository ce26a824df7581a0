import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AppError, type JobState, ownedStates, transitions } from '@kantor/contracts'
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
  requestCancel,
} from './index.js'
import { lockJob, moveJob } from './transition.js'
import { transaction } from './database.js'

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

/** A fresh job, brought to `state` by the shortest legal way. */
async function jobIn(state: JobState) {
  const job = await submit(db)
  let way: JobState[] | undefined
  const queue: JobState[][] = [['queued']]
  while (way === undefined) {
    const path = queue.shift()!
    if (path.at(-1) === state) way = path
    // Only a claim brings a job into an owned state from one that nobody owns.
    else
      queue.push(
        ...transitions[path.at(-1)!].filter((to) => to !== 'cancelling' || path.length > 1).map((to) => [...path, to]),
      )
  }
  for (const to of way.slice(1)) {
    if (to === 'starting') await claim(db, job)
    else {
      await transaction(db, async (tx) => moveJob(tx, (await lockJob(tx, job.id))!, { to, reason: 'user', actor: 't' }))
    }
  }
  return job.id
}

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
    expect(await renewLease(db, fence, { leaseSeconds: 60, progress: progress(3) })).toBe('running')
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

    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toBe('starting')
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

describe('the transition table', () => {
  const states = Object.keys(transitions) as JobState[]

  test.each(states)('cancel of a job that is %s', async (state) => {
    const id = await jobIn(state)
    const cancel = requestCancel(db, id, 'user-1')

    if (state === 'queued' || state === 'paused' || state === 'cancelled') {
      expect((await cancel).state).toBe('cancelled')
    } else if ((ownedStates as readonly JobState[]).includes(state)) {
      expect((await cancel).state).toBe('cancelling')
    } else {
      await expect(cancel).rejects.toMatchObject({ code: 'invalid-state', currentState: state, allowed: [] })
    }
    const before = await listEvents(db, id)
    if (state !== 'stopped' && state !== 'succeeded' && state !== 'failed') await requestCancel(db, id, 'user-1')
    expect(await listEvents(db, id)).toEqual(before)
  })

  test('cancel of an unknown job is not-found', async () => {
    await expect(requestCancel(db, unknownId, 'user-1')).rejects.toMatchObject({ code: 'not-found' })
  })

  test.each(['queued', 'succeeded', 'failed', 'stopped', 'cancelled'] as const)(
    'a job being cancelled ends cancelled when its worker reports %s',
    async (to) => {
      const job = await submit(db)
      const { fence } = await claim(db, job)
      await markRunning(db, fence)
      await requestCancel(db, job.id, 'user-1')
      expect(await renewLease(db, fence, { leaseSeconds: 60 })).toBe('cancelling')

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
    await requestCancel(db, cancelled.id, 'user-1')
    await expireLease(db, cancelled.id)

    expect(await reconcile(db)).toEqual({ requeued: 0, cancelled: 1, failed: 0 })
    expect((await getJob(db, cancelled.id))?.state).toBe('cancelled')
    expect(await getJob(db, poisoned.id)).toMatchObject({ state: 'failed', reason: 'poison' })
  })

  test('a stop that its worker could not finish is left to the next claimer', async () => {
    const job = await submit(db)
    const { fence } = await claim(db, job)
    await markRunning(db, fence)
    const stopping = { to: 'stopping', reason: 'user', actor: 't' } as const
    await transaction(db, async (tx) => moveJob(tx, (await lockJob(tx, job.id))!, stopping))
    await expireLease(db, job.id)
    await reconcile(db)
    expect((await getJob(db, job.id))?.state).toBe('queued')

    const again = await claim(db, job)

    expect(again.job.state).toBe('stopping')
    expect((await finishAttempt(db, again.fence, { to: 'stopped', reason: 'user' })).state).toBe('stopped')
  })
})

describe('the list of jobs', () => {
  test('shows each once, newest first, in pages, also while new ones arrive', async () => {
    const jobs = []
    for (let i = 0; i < 7; i++) jobs.push(await submit(db, { name: `page ${i}` }))

    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page = await listJobs(db, { limit: 3, ...(cursor !== null && { cursor }) })
      seen.push(...page.items.map((job) => job.id))
      cursor = page.nextCursor
      await submit(db)
    } while (cursor !== null)

    expect(seen.slice(0, 7)).toEqual(jobs.map((job) => job.id).reverse())
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual([...seen].sort().reverse())
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
