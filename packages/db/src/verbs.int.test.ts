import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { isOwned, isTerminal, type JobState, moves, type MovingVerb, transitions, verbsOf } from '@kantor/contracts'
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
  askJob,
  type Database,
  deleteJob,
  drawTickets,
  finishAttempt,
  getCheckpoint,
  getJob,
  listEvents,
  listJobs,
  markRunning,
  patchJob,
  reconcile,
  registerWorker,
  renewLease,
  retireCheckpoints,
  setArchived,
  whyWaiting,
} from './index.js'
import { transaction } from './database.js'
import { lockJob, moveJob } from './transition.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const states = Object.keys(transitions) as JobState[]
const actor = 'user-1'
const unknownId = '00000000-0000-7000-8000-000000000000'

/** A fresh job, brought to `state` by the shortest legal way. */
async function jobIn(state: JobState): Promise<string> {
  const job = await submit(db)
  let way: JobState[] | undefined
  const queue: JobState[][] = [['queued']]
  while (way === undefined) {
    const path = queue.shift()!
    if (path.at(-1) === state) way = path
    else queue.push(...transitions[path.at(-1)!].map((to) => [...path, to]))
  }
  for (const to of way.slice(1)) {
    if (to === 'starting') await claim(db, job)
    else {
      const move = { to, reason: 'user', actor: 't', pauseCheckpoint: to === 'pausing' ? 'save' : undefined } as const
      await transaction(db, async (tx) => moveJob(tx, (await lockJob(tx, job.id))!, move))
    }
  }
  return job.id
}

/** A job whose worker has trained `reached` steps and saved a checkpoint at `saved`. */
async function trained(reached: number, saved?: number) {
  const job = await submit(db)
  const { fence } = await claim(db, job)
  await markRunning(db, fence)
  if (saved !== undefined) await addCheckpoint(db, fence, aCheckpoint(saved))
  await appendPoints(
    db,
    fence,
    Array.from({ length: reached }, (_, i) => aPoint(i + 1, 1)),
  )
  return { id: job.id, fence }
}
const stateOf = async (id: string) => (await getJob(db, id))!.state
const pause = (id: string, checkpoint?: 'save' | 'latest') => askJob(db, id, { verb: 'pause', actor, checkpoint })
const end = (to: 'queued' | 'paused' | 'stopped') => ({ to, reason: to === 'queued' ? 'preempted' : 'user' }) as const

describe.each(Object.keys(moves) as MovingVerb[])('%s', (verb) => {
  test.each(states)('of a job that is %s', async (state) => {
    const id = await jobIn(state)
    const to = (moves[verb] as Partial<Record<JobState, JobState | 'same'>>)[state]
    const before = await listEvents(db, id)
    const asked = askJob(db, id, { verb, actor })

    if (to === undefined) {
      const allowed = verbsOf(state)
      await expect(asked).rejects.toMatchObject({ code: 'invalid-state', currentState: state, allowed })
      expect(allowed).not.toContain(verb)
      expect(await stateOf(id)).toBe(state)
      return
    }
    expect((await asked).state).toBe(to === 'same' ? state : to)
    const events = await listEvents(db, id)
    expect(events.slice(before.length)).toMatchObject(to === 'same' ? [] : [{ actor, from: state, to, reason: 'user' }])
    // The same wish again is no error and no event.
    expect((await askJob(db, id, { verb, actor })).state).toBe(to === 'same' ? state : to)
    expect(await listEvents(db, id)).toEqual(events)
  })

  test('of an unknown job is not-found', async () => {
    await expect(askJob(db, unknownId, { verb, actor })).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('the table of verbs', () => {
  test('asks only for moves that the transition table has, and a worker only where there is one', () => {
    for (const table of Object.values(moves) as Partial<Record<JobState, JobState | 'same'>>[]) {
      for (const [from, to] of Object.entries(table) as [JobState, JobState | 'same'][]) {
        if (to === 'same') continue
        expect(transitions[from]).toContain(to)
        expect(isOwned(to)).toBe(isOwned(from))
      }
    }
  })

  test.each(states)('archive, unarchive and delete of a job that is %s', async (state) => {
    const id = await jobIn(state)
    if (!isTerminal(state)) {
      const refused = { code: 'invalid-state', currentState: state }
      await expect(setArchived(db, id, true, 'anna')).rejects.toMatchObject(refused)
      await expect(setArchived(db, id, false, 'anna')).rejects.toMatchObject(refused)
      await expect(deleteJob(db, id)).rejects.toMatchObject(refused)
      return
    }
    const { archivedAt } = await setArchived(db, id, true, 'anna')
    expect(await setArchived(db, id, true, 'anna')).toMatchObject({ archivedAt, state })
    const listed = async (archived: 'true' | 'false' | 'all') =>
      (await listJobs(db, { limit: 200, archived })).items.some((job) => job.id === id)
    expect([await listed('true'), await listed('false'), await listed('all')]).toEqual([true, false, true])
    expect(await setArchived(db, id, false, 'bert')).toMatchObject({ archivedAt: null, reason: 'user' })
    expect((await listEvents(db, id)).slice(-2)).toMatchObject([
      { from: state, to: state, reason: 'archived', actor: 'anna' },
      { from: state, to: state, reason: 'unarchived', actor: 'bert' },
    ])
    await deleteJob(db, id)
    expect(await getJob(db, id)).toBeNull()
    await expect(deleteJob(db, id)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('a pause', () => {
  test('reaches the worker with what to do about unsaved work, and is booked as saved only when it was', async () => {
    const { id, fence } = await trained(20)
    await pause(id)
    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toEqual({ state: 'pausing', pauseCheckpoint: 'save' })
    await addCheckpoint(db, fence, aCheckpoint(20))

    expect(await finishAttempt(db, fence, end('paused'))).toMatchObject({
      state: 'paused',
      reason: 'user',
      message: 'goes on from the checkpoint of step 20',
      worker: null,
    })
  })

  test('whose save did not come about says so, in reason and message', async () => {
    const { id, fence } = await trained(20, 10)
    await pause(id)

    const job = await finishAttempt(db, fence, end('paused'))

    expect(job).toMatchObject({
      state: 'paused',
      reason: 'unsaved',
      message: expect.stringContaining('steps 11 to 20'),
    })
    expect((await listEvents(db, id)).at(-1)).toMatchObject({ to: 'paused', reason: 'unsaved', message: job.message })
  })

  test('that falls back to the newest checkpoint says what is trained again', async () => {
    const { id, fence } = await trained(20, 10)
    await pause(id, 'latest')
    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toMatchObject({ pauseCheckpoint: 'latest' })

    const job = await finishAttempt(db, fence, end('paused'))

    expect(job).toMatchObject({
      reason: 'user',
      message: expect.stringMatching(/as asked: steps 11 to 20 .* step 10$/),
    })
  })

  test('can be hurried, but not turned into one that saves once the trainer may be gone', async () => {
    const { id, fence } = await trained(3)
    await pause(id, 'save')
    await pause(id, 'latest')
    expect(await renewLease(db, fence, { leaseSeconds: 60 })).toMatchObject({ pauseCheckpoint: 'latest' })

    await expect(pause(id, 'save')).rejects.toMatchObject({ code: 'invalid-state', currentState: 'pausing' })
  })

  test('outlives the worker that should have done it: the next claimer finishes it, and tells what was lost', async () => {
    const { id } = await trained(20, 10)
    await pause(id)
    await expireLease(db, id)
    await reconcile(db)
    expect(await stateOf(id)).toBe('queued')

    const again = await claim(db, (await getJob(db, id))!)
    expect(again.job.state).toBe('pausing')
    expect(await renewLease(db, again.fence, { leaseSeconds: 60 })).toMatchObject({ pauseCheckpoint: 'save' })
    expect(await finishAttempt(db, again.fence, end('paused'))).toMatchObject({ state: 'paused', reason: 'unsaved' })

    await askJob(db, id, { verb: 'resume', actor })
    expect((await claim(db, (await getJob(db, id))!)).job.state).toBe('starting')
  })

  test('that waits for the next claimer is taken back by a resume', async () => {
    const { id } = await trained(5)
    await pause(id)
    await expireLease(db, id)
    await reconcile(db)

    expect((await askJob(db, id, { verb: 'resume', actor })).state).toBe('queued')

    expect((await claim(db, (await getJob(db, id))!)).job.state).toBe('starting')
  })

  test('gives way to a stop that comes after it', async () => {
    const { id, fence } = await trained(20)
    await pause(id, 'latest')
    await askJob(db, id, { verb: 'stop', actor })

    expect(await finishAttempt(db, fence, end('paused'))).toMatchObject({ state: 'stopped' })
  })
})

describe('a stop', () => {
  test('that its worker could not finish is left to the next claimer', async () => {
    const { id } = await trained(20, 20)
    await askJob(db, id, { verb: 'stop', actor })
    await expireLease(db, id)
    await reconcile(db)
    expect(await stateOf(id)).toBe('queued')
    await expect(askJob(db, id, { verb: 'resume', actor })).rejects.toMatchObject({ code: 'invalid-state' })

    const again = await claim(db, (await getJob(db, id))!)

    expect(again.job.state).toBe('stopping')
    expect(await finishAttempt(db, again.fence, end('stopped'))).toMatchObject({
      state: 'stopped',
      message: expect.stringContaining('step 20'),
    })
  })

  test('of a worker that goes down is kept too', async () => {
    const { id, fence } = await trained(3)
    await askJob(db, id, { verb: 'stop', actor })

    expect((await finishAttempt(db, fence, end('queued'))).state).toBe('queued')

    expect((await claim(db, (await getJob(db, id))!)).job.state).toBe('stopping')
  })
})

describe('a checkpoint that another job starts from', () => {
  test('is passed over by retention and keeps its job from being deleted', async () => {
    const { id, fence } = await trained(30, 10)
    for (const step of [20, 30]) await addCheckpoint(db, fence, aCheckpoint(step))
    const [first] = (await db.prisma.checkpoint.findMany({ where: { jobId: id, step: 10 } })).map((row) => row.id)
    const fork = await submit(db, { startFrom: { jobId: id, checkpoint: first! } })
    expect(fork.startFrom).toEqual({ jobId: id, checkpoint: first })

    const removed = await retireCheckpoints(db, fence, { keep: 1 })

    expect(removed).toHaveLength(1)
    expect(await getCheckpoint(db, first!)).not.toBeNull()
    await finishAttempt(db, fence, { to: 'succeeded', reason: 'budget_reached' })
    await expect(deleteJob(db, id)).rejects.toMatchObject({
      code: 'checkpoint-in-use',
      detail: expect.stringContaining(fork.id),
    })
    expect((await claim(db, fork)).start).toMatchObject({ id: first, step: 10 })
    await askJob(db, fork.id, { verb: 'cancel', actor })
    await expireLease(db, fork.id)
    await reconcile(db)
    await deleteJob(db, fork.id)
    await deleteJob(db, id)
    expect(await getCheckpoint(db, first!)).toBeNull()
    const { rows } = await db.pool.query('SELECT 1 FROM curve_segment WHERE job_id = $1', [id])
    expect(rows).toEqual([])
  })

  test('cannot be chosen any more once it is gone', async () => {
    const startFrom = { jobId: unknownId, checkpoint: unknownId }

    await expect(submit(db, { startFrom })).rejects.toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/startFrom/checkpoint', code: 'checkpoint-not-found' }],
    })
  })
})

test('what is mutable changes, and only what was named; an event says what, and who', async () => {
  const job = await submit(db, { name: 'a', tags: { x: '1', y: '1' }, notes: 'n', priority: 7 })

  expect(await patchJob(db, job.id, { priority: 3, tags: { y: '2' } }, { actor: 'anna' })).toEqual({
    ...job,
    priority: 3,
    tags: { y: '2' },
    revision: 2,
  })
  expect(await patchJob(db, job.id, { name: 'b', notes: '' }, { actor: 'anna' })).toMatchObject({
    name: 'b',
    notes: '',
    priority: 3,
  })
  const same = await patchJob(db, job.id, { name: 'b', tags: { y: '2' } }, { actor: 'anna', revisions: [1, 3] })
  expect(same.revision).toBe(3)
  await expect(patchJob(db, job.id, { name: 'c' }, { actor: 'anna', revisions: [2] })).rejects.toMatchObject({
    code: 'precondition-failed',
  })
  expect((await listEvents(db, job.id)).slice(1)).toMatchObject([
    { from: 'queued', to: 'queued', reason: 'edited', message: 'priority 7 → 3; tags +y=2 −x', actor: 'anna' },
    { seq: 3, message: 'name “a” → “b”; notes' },
  ])
  await expect(patchJob(db, unknownId, { name: 'b' }, { actor: 'anna' })).rejects.toMatchObject({ code: 'not-found' })
})

test('a new priority counts from the next look at the queue', async () => {
  await db.pool.query('TRUNCATE worker, job CASCADE')
  const jobs = [await submit(db), await submit(db), await submit(db)]
  await patchJob(db, jobs[2]!.id, { priority: 1 }, { actor: 'anna' })
  await patchJob(db, jobs[0]!.id, { priority: 900 }, { actor: 'anna' })
  await registerWorker(db, {
    id: 'worker-1',
    host: 'h',
    pid: 1,
    deviceClass: 'cpu',
    device: 'a device',
    slots: 1,
    versions: {},
  })

  const waiting = await whyWaiting(db, [jobs[0]!.id])

  expect((await drawTickets(db)).map(({ jobId }) => jobId)).toEqual([jobs[2]!.id, jobs[1]!.id])
  expect(waiting.get(jobs[0]!.id)).toMatchObject({ jobsAhead: 2, reason: 'slots_busy' })
})
