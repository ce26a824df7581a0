import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Job } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import { claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  claimJob,
  createJobs,
  createKey,
  createSweep,
  type Database,
  type DeviceClass,
  drawTickets,
  finishAttempt,
  holdQueue,
  patchKey,
  registerWorker,
  whyWaiting,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())
beforeEach(() => db.pool.query('TRUNCATE worker, job, sweep, api_key CASCADE'))

const worker = (id: string, slots: number, deviceClass: DeviceClass = 'cpu') =>
  registerWorker(db, { id, host: 'h', pid: 1, deviceClass, device: 'a device', slots, versions: {} })
const aKey = async (name: string, maxRunning: number | null = null) =>
  (await createKey(db, { name, scope: 'submit', maxRunning })).id
const submitMany = async (n: number, keyId: string | null, changes: object = {}) => {
  const jobs: Job[] = []
  for (let i = 0; i < n; i++) jobs.push(await submit(db, { ...changes, keyId }))
  return jobs
}
const drawn = async () => (await drawTickets(db)).map((ticket) => ticket.jobId)
const ids = (jobs: Job[]) => jobs.map((job) => job.id)
const claimAs = (job: Job, workerId = 'w') => claimJob(db, { jobId: job.id, workerId, leaseSeconds: 60 })
const waiting = async (job: Job) => (await whyWaiting(db, [job.id])).get(job.id)

describe('fair share', () => {
  test('a sweep of one key does not hold up another key, and within a key age decides', async () => {
    await worker('w', 2)
    const [sweeper, other] = [await aKey('sweeper'), await aKey('other')]
    const sweep = await submitMany(6, sweeper)
    const late = await submitMany(2, other)

    expect(await drawn()).toEqual([sweep[0]!.id, late[0]!.id, sweep[1]!.id, late[1]!.id])
  })

  test('who has less running comes first', async () => {
    await worker('w', 3)
    const [busy, idle] = [await aKey('busy'), await aKey('idle')]
    const running = await submitMany(2, busy)
    for (const job of running) await claimAs(job)
    const more = await submitMany(2, busy)
    const first = await submitMany(2, idle)

    expect(await drawn()).toEqual(ids(first))
    expect(await waiting(more[0]!)).toMatchObject({ reason: 'slots_busy', jobsAhead: 2 })
  })

  test('a more urgent job goes before every share', async () => {
    await worker('w', 1)
    const [one, other] = [await aKey('one'), await aKey('other')]
    const early = await submitMany(1, other)
    const urgent = await submitMany(2, one, { priority: 1 })

    expect(await drawn()).toEqual(ids(urgent))
    expect(await waiting(early[0]!)).toMatchObject({ reason: 'slots_busy', jobsAhead: 2 })
  })

  test('without keys all jobs share one queue', async () => {
    await worker('w', 1)
    const jobs = await submitMany(3, null)

    expect(await drawn()).toEqual(ids(jobs.slice(0, 2)))
  })
})

/** A sweep of `n` trials of which `maxRunning` may run at once. */
async function sweepOf(n: number, maxRunning: number, keyId: string | null = null): Promise<Job[]> {
  const sweepId = await createSweep(db, {
    name: 'a sweep',
    tags: {},
    priority: 100,
    spec: {},
    search: { kind: 'grid', parameters: {} },
    seeds: [1],
    objective: { metric: 'w_estimate', goal: 'min' },
    maxRunning,
    configurations: n,
    trials: n,
    keyId,
  })
  const trials: Job[] = []
  for (let trial = 1; trial <= n; trial++)
    trials.push(await submit(db, { keyId, trial: { sweepId, trial, parameters: {} } }))
  return trials
}

describe('the limit of a sweep', () => {
  test('holds its trials back and nobody else, other jobs of the same key included', async () => {
    await worker('worker-1', 10)
    const keyId = await aKey('limited', 3)
    const trials = await sweepOf(5, 2, keyId)
    const [other] = await submitMany(1, keyId)

    expect(await drawn()).toEqual([trials[0]!.id, trials[1]!.id, other!.id])
    expect(await waiting(trials[2]!)).toMatchObject({ reason: 'sweep_limit' })
    expect(await waiting(other!)).toMatchObject({ reason: 'next' })

    const { fence } = await claim(db, trials[0]!)
    await claim(db, trials[1]!)
    expect(await claimAs(trials[2]!, 'worker-1')).toBeNull()
    expect(await drawn()).toEqual([])
    await finishAttempt(db, fence, { to: 'failed', reason: 'diverged' })
    expect(await drawn()).toEqual([trials[2]!.id])
  })

  test('of many claims at once none is beyond it', async () => {
    await worker('w', 50)
    const trials = await sweepOf(20, 4)

    const claims = await Promise.all(trials.map((trial) => claimAs(trial)))

    expect(claims.filter((one) => one !== null)).toHaveLength(4)
  })

  test('a trial that waits out its crash leaves its place to the next', async () => {
    await worker('w', 10)
    const trials = await sweepOf(3, 1)
    await db.pool.query(`UPDATE job SET not_before = clock_timestamp() + interval '1 h' WHERE id = $1`, [trials[0]!.id])

    expect(await drawn()).toEqual([trials[1]!.id])
  })
})

describe('the limit of running jobs', () => {
  test('holds tickets and claims back, and lets the next one go when a job ends', async () => {
    await worker('worker-1', 10)
    const keyId = await aKey('limited', 2)
    const jobs = await submitMany(4, keyId)
    expect(await drawn()).toEqual(ids(jobs.slice(0, 2)))
    expect(await waiting(jobs[2]!)).toMatchObject({ reason: 'key_limit', jobsAhead: 2 })

    const { fence } = await claim(db, jobs[0]!)
    await claim(db, jobs[1]!)
    expect(await claimAs(jobs[2]!, 'worker-1')).toBeNull()
    expect(await drawn()).toEqual([])

    await finishAttempt(db, fence, { to: 'failed', reason: 'trainer_error' })
    expect(await drawn()).toEqual([jobs[2]!.id])
    expect(await claimAs(jobs[2]!, 'worker-1')).not.toBeNull()
  })

  test('of many claims at once none is beyond it', async () => {
    await worker('w', 50)
    const jobs = await submitMany(30, await aKey('limited', 7))

    const claims = await Promise.all(jobs.map((job) => claimAs(job)))

    expect(claims.filter((one) => one !== null)).toHaveLength(7)
  })

  test('can be set later, and taken away', async () => {
    await worker('w', 10)
    const keyId = await aKey('limited')
    const jobs = await submitMany(3, keyId)
    await patchKey(db, keyId, { maxRunning: 0 })
    expect(await drawn()).toEqual([])
    expect(await claimAs(jobs[0]!)).toBeNull()

    await patchKey(db, keyId, { maxRunning: null })
    expect(await drawn()).toHaveLength(3)
    await expect(patchKey(db, 'no such key', { maxRunning: 1 })).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('a claim', () => {
  test('of a gpu job by a cpu worker is refused, whatever ticket it holds; the job is ticketed again at once', async () => {
    await worker('c', 1, 'cpu')
    await worker('g', 1, 'gpu')
    const job = await submit(db, { spec: { device: 'gpu' } })
    await drawn()

    expect(await claimAs(job, 'c')).toBeNull()
    expect(await drawn()).toEqual([job.id])
    expect(await claimAs(job, 'g')).not.toBeNull()
  })

  test('by a draining worker, or one that failed its self-test, is refused', async () => {
    await worker('w', 1)
    const job = await submit(db)
    await db.pool.query(`UPDATE worker SET draining = true`)
    expect(await claimAs(job)).toBeNull()
    expect(await drawn()).toEqual([])
    await db.pool.query(`UPDATE worker SET draining = false, unusable = 'it lies'`)
    expect(await claimAs(job)).toBeNull()
    expect(await drawn()).toEqual([])

    await db.pool.query('UPDATE worker SET unusable = NULL')
    expect(await drawn()).toEqual([job.id])
    expect(await claimAs(job)).not.toBeNull()
  })
})

describe('whyWaiting', () => {
  test('names the cause, and counts the jobs that can take the same slots', async () => {
    const cpu = await submitMany(2, null, { spec: { device: 'cpu' } })
    const [gpu] = await submitMany(1, null, { spec: { device: 'gpu' } })
    const [any] = await submitMany(1, null)
    expect(await waiting(any!)).toMatchObject({ reason: 'no_worker', jobsAhead: 3 })

    await worker('c', 1, 'cpu')
    expect(await waiting(gpu!)).toMatchObject({ reason: 'no_matching_device', jobsAhead: 0 })
    expect(await waiting(cpu[0]!)).toMatchObject({ reason: 'next', jobsAhead: 0 })
    expect(await waiting(cpu[1]!)).toMatchObject({ reason: 'slots_busy', jobsAhead: 1 })
    expect([...(await whyWaiting(db, ids([...cpu, gpu!, any!]))).keys()]).toHaveLength(4)
  })

  test('says nothing of a job that is not queued', async () => {
    await worker('w', 1)
    const job = await submit(db)
    await claimAs(job)

    expect(await whyWaiting(db, [job.id])).toEqual(new Map())
    expect(await whyWaiting(db, [])).toEqual(new Map())
  })
  test('held for many who ask: a short queue is told as it is, a long one from one reading, with what came since', async () => {
    const told = holdQueue(db)
    const [first] = await submitMany(1, null)
    const jobsAhead = async (id: string) => (await told([id])).get(id)?.jobsAhead
    expect(await jobsAhead(first!.id)).toBe(0)
    const urgent = await submit(db, { priority: 1 })
    expect(await jobsAhead(first!.id)).toBe(1)

    const { name, tags, notes, priority, spec } = first!
    const input = { job: { name, tags, notes, priority, spec }, lint: [], actor: 'tester' }
    const long = await createJobs(
      db,
      Array.from({ length: 1_000 }, () => input),
    )
    const last = long.at(-1)!
    expect(await jobsAhead(last.id)).toBe(1_001)
    expect(await told(ids([first!, urgent, ...long]))).toEqual(await whyWaiting(db, ids([first!, urgent, ...long])))

    const late = await submit(db)
    expect(await jobsAhead(late.id)).toBe(1_002)
    await db.pool.query('UPDATE job SET priority = 0 WHERE id = $1', [last.id])
    const deadline = performance.now() + 30_000
    while ((await jobsAhead(last.id)) !== 0 && performance.now() < deadline) await setTimeout(20)
    expect(await told(ids([last, late, first!]))).toEqual(await whyWaiting(db, ids([last, late, first!])))
  })
})
