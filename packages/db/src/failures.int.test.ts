import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type CurvePoint, type Reason, lossNames } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import {
  aCheckpoint,
  aPoint,
  claim,
  expireLease,
  openTestDatabase,
  postgresOnly,
  submit,
  type TestDatabase,
} from '../tests/fixtures.js'
import {
  addCheckpoint,
  appendPoints,
  type Database,
  drawTickets,
  FencedError,
  finishAttempt,
  getJob,
  listEvents,
  markRunning,
  noteAttempt,
  quarantineCheckpoint,
  reconcile,
  registerWorker,
  renewLease,
  rollbackCurve,
  whyWaiting,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const start = async () => {
  const job = await submit(db)
  return { job, fence: (await claim(db, job)).fence }
}
/** Seconds from the database's now until the job may be tried again. */
const pauseOf = async (id: string): Promise<number | null> => {
  const { rows } = await db.pool.query<{ seconds: number | null }>(
    'SELECT extract(epoch FROM not_before - clock_timestamp())::float8 AS seconds FROM job WHERE id = $1',
    [id],
  )
  return rows[0]!.seconds
}

describe('a note', () => {
  test('F23: is an event from the state to itself, and the reason of a job at work until the next one', async () => {
    const { job, fence } = await start()
    await markRunning(db, fence)

    await noteAttempt(db, fence, { reason: 'storage_paused', message: 'the store is away' })
    expect(await getJob(db, job.id)).toMatchObject({
      state: 'running',
      reason: 'storage_paused',
      message: 'the store is away',
    })
    await noteAttempt(db, fence, { reason: 'storage_resumed' })

    expect(await getJob(db, job.id)).toMatchObject({ state: 'running', reason: 'storage_resumed', message: null })
    expect((await listEvents(db, job.id)).slice(-2)).toMatchObject([
      { from: 'running', to: 'running', reason: 'storage_paused', message: 'the store is away', actor: 'worker-1' },
      { from: 'running', to: 'running', reason: 'storage_resumed', message: null },
    ])
  })

  test('does not hide that a job is being cancelled, and is refused from an attempt that lost the job', async () => {
    const { job, fence } = await start()
    await db.pool.query(`UPDATE job SET state = 'cancelling', reason = 'user' WHERE id = $1`, [job.id])

    await noteAttempt(db, fence, { reason: 'storage_paused', message: 'the store is away' })

    expect(await getJob(db, job.id)).toMatchObject({ reason: 'user', message: null })
    const lost = noteAttempt(db, { ...fence, epoch: 0 }, { reason: 'storage_paused' })
    await expect(lost).rejects.toThrow(FencedError)
  })

  test('F24: tells of a quarantined checkpoint and what is used instead, of none left too', async () => {
    const { job, fence } = await start()
    const older = await addCheckpoint(db, fence, aCheckpoint(500))
    const newer = await addCheckpoint(db, fence, aCheckpoint(1000))

    expect(await quarantineCheckpoint(db, fence, { id: newer.id, fault: 'its object is missing' })).toMatchObject({
      id: older.id,
    })
    expect(await quarantineCheckpoint(db, fence, { id: older.id, fault: 'its object is missing' })).toBeNull()

    const told = (await listEvents(db, job.id)).filter(({ reason }) => reason === 'checkpoint_corrupt')
    expect(told.map(({ message }) => message)).toEqual([
      'the checkpoint of step 1000 was put aside, its object is missing; the one of step 500 is used',
      'the checkpoint of step 500 was put aside, its object is missing; none is left, training starts again at step 0',
    ])
  })
})

describe('the pause after a crash', () => {
  test('doubles, has a random part, and ends with a checkpoint', async () => {
    const job = await submit(db)
    const crash = async () => {
      const { fence } = await claim(db, job)
      await finishAttempt(db, fence, { to: 'queued', reason: 'trainer_killed' })
      return (await pauseOf(job.id))!
    }

    const first = await crash()
    const second = await crash()

    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(5)
    expect(second).toBeGreaterThan(2)
    expect(second).toBeLessThanOrEqual(10)
    const { fence } = await claim(db, job)
    expect(await pauseOf(job.id)).toBeNull()
    await addCheckpoint(db, fence, aCheckpoint(10))
    await finishAttempt(db, fence, { to: 'queued', reason: 'hung' })
    expect(await pauseOf(job.id)).toBeLessThanOrEqual(5)
  })

  test.each<Reason>(['preempted', 'worker_lost'])('does not follow %s: the job is not at fault', async (reason) => {
    const { job, fence } = await start()

    await finishAttempt(db, fence, { to: 'queued', reason })

    expect(await pauseOf(job.id)).toBeNull()
  })

  test('keeps the ticket back until it is over, by the clock of the database', async () => {
    await db.pool.query(`UPDATE job SET state = 'cancelled', finished_at = now(), lease_until = NULL`)
    await registerWorker(db, {
      id: 'w',
      host: 'h',
      pid: 1,
      deviceClass: 'cpu',
      device: 'd',
      slots: 4,
      versions: {},
    })
    const { job, fence } = await start()
    await finishAttempt(db, fence, { to: 'queued', reason: 'trainer_error' })

    expect(await drawTickets(db)).toEqual([])
    expect((await whyWaiting(db, [job.id])).get(job.id)?.reason).toBe('backing_off')
    await db.pool.query(`UPDATE job SET not_before = clock_timestamp() WHERE id = $1`, [job.id])

    expect(await drawTickets(db)).toMatchObject([{ jobId: job.id }])
  })
})

test('F14: crashes of every kind without a new checkpoint add up to poison, and the next job is not held up', async () => {
  const job = await submit(db)
  for (const reason of ['trainer_killed', 'hung', 'trainer_error'] as const) {
    const { fence } = await claim(db, job)
    await finishAttempt(db, fence, { to: 'queued', reason, message: 'as it was' })
  }

  expect(await getJob(db, job.id)).toMatchObject({ state: 'failed', reason: 'poison', attempt: 3, notBefore: null })
  expect((await getJob(db, job.id))!.message).toContain('trainer_error: as it was')
  const next = await start()
  expect((await getJob(db, next.job.id))!.state).toBe('starting')
})

test('F15: twenty crashes, each after a checkpoint, do not use up anything', async () => {
  const job = await submit(db)
  for (let n = 1; n <= 20; n++) {
    const { fence } = await claim(db, job)
    await addCheckpoint(db, fence, aCheckpoint(n * 10))
    await finishAttempt(db, fence, { to: 'queued', reason: 'trainer_killed' })
  }
  const { fence, resume } = await claim(db, job)

  expect(resume?.step).toBe(200)
  const done = await finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached' })
  expect(done).toMatchObject({ state: 'succeeded', attempt: 21 })
})

test('refused writes are counted with the attempt that came too late', async () => {
  const { job, fence } = await start()
  await expireLease(db, job.id)
  await reconcile(db)
  const second = await claim(db, job)

  await expect(appendPoints(db, fence, [aPoint(1, 1)])).rejects.toThrow(FencedError)
  await expect(addCheckpoint(db, fence, aCheckpoint(1))).rejects.toThrow(FencedError)
  await expect(finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached' })).rejects.toThrow(FencedError)
  expect(await renewLease(db, fence, { leaseSeconds: 60 })).toBeNull()

  const counts = await db.prisma.attempt.findMany({ where: { jobId: job.id }, orderBy: { epoch: 'asc' } })
  expect(counts.map(({ fencedWrites }) => fencedWrites)).toEqual([4, 0])
  expect(await renewLease(db, second.fence, { leaseSeconds: 60 })).toMatchObject({ state: 'starting' })
})

const bits = (step: number, value: number): CurvePoint => ({
  step,
  criticStep: step,
  values: Float32Array.from(lossNames, () => value),
})

/** Attempt 1 reaches step 4 from a checkpoint at 2 and dies; attempt 2 goes on from there and computes 3 and 4 again. */
async function replay(
  again: CurvePoint[],
  [first, second]: ['bitwise' | 'best-effort', 'bitwise' | 'best-effort'],
  resumeStep = 2,
) {
  const { job, fence } = await start()
  await markRunning(db, fence, first)
  await addCheckpoint(db, fence, aCheckpoint(2, [bits(1, 1), bits(2, 1)]))
  await appendPoints(db, fence, [bits(3, -0), bits(4, Number.NaN)])
  await finishAttempt(db, fence, { to: 'queued', reason: 'trainer_killed' })
  const next = await claim(db, job)
  await rollbackCurve(db, next.fence, resumeStep)
  await markRunning(db, next.fence, second)
  await appendPoints(db, next.fence, [...again, bits(5, 2)])
  return getJob(db, job.id)
}

describe('equal bits', () => {
  test('nothing is promised before the first step, and best effort promises nothing', async () => {
    const { job, fence } = await start()
    expect(await getJob(db, job.id)).toMatchObject({ determinism: null, reproducible: null })

    await markRunning(db, fence, 'best-effort')

    expect(await getJob(db, job.id)).toMatchObject({ determinism: 'best-effort', reproducible: null })
  })

  test('a replay with the same bits keeps the promise, NaN and −0 too', async () => {
    const job = await replay([bits(3, -0), bits(4, Number.NaN)], ['bitwise', 'bitwise'])

    expect(job).toMatchObject({ determinism: 'bitwise', reproducible: true })
  })

  test('a replay with other bits breaks it, and every such step is counted', async () => {
    const job = await replay([bits(3, 0), bits(4, 1)], ['bitwise', 'bitwise'])

    expect(job).toMatchObject({ determinism: 'bitwise', reproducible: false })
    const row = await db.prisma.job.findUniqueOrThrow({ where: { id: job!.id } })
    expect(row.replayDivergences).toBe(2)
  })

  test.each([
    ['an attempt that promised nothing', ['best-effort', 'bitwise'], 2],
    ['an attempt that began anew, perhaps elsewhere', ['bitwise', 'bitwise'], 0],
  ] as const)('%s is not compared', async (_, promises, resumeStep) => {
    const job = await replay([bits(3, 7), bits(4, 7)], [...promises], resumeStep)

    expect(job).toMatchObject({ determinism: 'bitwise', reproducible: true })
  })
})
