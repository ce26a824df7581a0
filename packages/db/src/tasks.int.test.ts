import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Task } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import { aCheckpoint, claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  addCheckpoint,
  cancelTask,
  claimTask,
  createTask,
  type Database,
  deleteJob,
  FencedError,
  finishAttempt,
  finishTask,
  getCheckpoint,
  getTask,
  listEvents,
  listTasks,
  reconcileTasks,
  registerWorker,
  renewTaskLease,
  setDraining,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())
beforeEach(async () => {
  await db.pool.query('TRUNCATE job, worker CASCADE')
})

const intact = { intact: true, sizeBytes: 1234, sha256: 'cd'.repeat(32), fault: null }
const missing = { intact: false, sizeBytes: null, sha256: null, fault: 'its object is missing' }

async function aTask(): Promise<Task> {
  const { fence } = await claim(db, await submit(db))
  const { id } = await addCheckpoint(db, fence, aCheckpoint(10))
  return createTask(db, { kind: 'verify', checkpointId: id })
}

async function claimed(workerId = 'w') {
  const found = await claimTask(db, { workerId, leaseSeconds: 60 })
  if (!found) throw new Error('no task could be claimed')
  return found
}

const expire = () => db.pool.query(`UPDATE task SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL`)

describe('a task', () => {
  test('goes from queued to its result; of a checkpoint that is not kept there is none', async () => {
    const task = await aTask()
    expect(task).toMatchObject({ kind: 'verify', state: 'queued', reason: 'submitted', attempt: 0, result: null })
    expect(await getTask(db, task.id)).toEqual(task)

    const { fence, checkpoint } = await claimed()
    expect(checkpoint).toMatchObject({ id: task.checkpointId, jobId: task.jobId, step: 10, sizeBytes: 1234 })
    expect(await getTask(db, task.id)).toMatchObject({ state: 'running', reason: 'claimed', attempt: 1, worker: 'w' })
    expect(await renewTaskLease(db, fence, 60)).toEqual({ state: 'running' })
    const done = await finishTask(db, fence, { to: 'succeeded', result: intact })

    expect(done).toMatchObject({ state: 'succeeded', reason: 'done', result: intact, finishedAt: expect.any(String) })
    expect(await claimTask(db, { workerId: 'w', leaseSeconds: 60 })).toBeNull()
    await expect(createTask(db, { kind: 'verify', checkpointId: task.id })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('is claimed by exactly one of many, the oldest first', async () => {
    const tasks = [await aTask(), await aTask(), await aTask()]

    const claims = await Promise.all(
      Array.from({ length: 40 }, (_, i) => claimTask(db, { workerId: `w${i}`, leaseSeconds: 60 })),
    )

    const won = claims.flatMap((found) => (found ? [found.task.id] : []))
    expect(won.sort()).toEqual(tasks.map(({ id }) => id).sort())
    const next = [await aTask(), await aTask()]
    expect((await claimed()).task.id).toBe(next[0]!.id)
  })

  test('is not for a worker that is draining or unfit', async () => {
    await aTask()
    const worker = { host: 'here', pid: 1, deviceClass: 'cpu', device: 'a processor', slots: 1, versions: {} } as const
    await registerWorker(db, { ...worker, id: 'draining' })
    await setDraining(db, 'draining', true)
    await registerWorker(db, { ...worker, id: 'unfit', unusable: 'the store lies' })

    expect(await claimTask(db, { workerId: 'draining', leaseSeconds: 60 })).toBeNull()
    expect(await claimTask(db, { workerId: 'unfit', leaseSeconds: 60 })).toBeNull()
    await setDraining(db, 'draining', false)
    expect((await claimed('draining')).task.worker).toBe('draining')
  })

  test('whose lease ran out goes to another worker, and the first one writes nothing any more', async () => {
    await aTask()
    const first = await claimed('first')
    await expire()
    expect(await reconcileTasks(db)).toEqual({ requeued: 1, cancelled: 0, failed: 0 })
    const second = await claimed('second')

    expect(await renewTaskLease(db, first.fence, 60)).toBeNull()
    const damage = { id: first.checkpoint.id, fault: missing.fault }
    const late = finishTask(db, first.fence, { to: 'succeeded', result: missing, damage })
    await expect(late).rejects.toBeInstanceOf(FencedError)
    expect((await getCheckpoint(db, damage.id))!.quarantined).toBe(false)
    const done = await finishTask(db, second.fence, { to: 'succeeded', result: intact })
    expect(done).toMatchObject({ attempt: 2, worker: 'second', result: intact })
  })

  test('a lease in force is left alone; three crashes end in poison, going down in good order counts as none', async () => {
    await aTask()
    for (const reason of ['preempted', 'preempted', 'preempted'] as const)
      expect(await finishTask(db, (await claimed()).fence, { to: 'queued', reason })).toMatchObject({ worker: null })
    const told = { reason: 'worker_error', message: 'out of luck' } as const
    const crash = { to: 'queued', ...told } as const
    expect(await finishTask(db, (await claimed()).fence, crash)).toMatchObject({ state: 'queued', ...told })
    await claimed()
    expect(await reconcileTasks(db)).toEqual({ requeued: 0, cancelled: 0, failed: 0 })
    await expire()
    expect(await reconcileTasks(db)).toEqual({ requeued: 1, cancelled: 0, failed: 0 })

    const last = await finishTask(db, (await claimed()).fence, crash)

    expect(last).toMatchObject({ state: 'failed', reason: 'poison', attempt: 6 })
    expect(last.message).toContain('crashed 3 times; the last time: worker_error: out of luck')
  })

  test('is deleted with its job, under the hands of its worker', async () => {
    const task = await aTask()
    const { fence } = await claimed()
    await finishAttempt(db, { jobId: task.jobId, epoch: 1 }, { to: 'succeeded', reason: 'budget_reached' })
    await deleteJob(db, task.jobId)

    expect(await renewTaskLease(db, fence, 60)).toBeNull()
    await expect(finishTask(db, fence, { to: 'succeeded', result: intact })).rejects.toBeInstanceOf(FencedError)
  })
})

describe('a damaged object', () => {
  test('puts the checkpoint aside, with an event of the job, in the transaction of the finish', async () => {
    const task = await aTask()
    const again = await createTask(db, { kind: 'verify', checkpointId: task.checkpointId })
    for (const state of ['running', 'over']) {
      if (state === 'over')
        await finishAttempt(db, { jobId: task.jobId, epoch: 1 }, { to: 'succeeded', reason: 'budget_reached' })
      const { fence, checkpoint } = await claimed('checker')
      const damage = { id: checkpoint.id, fault: missing.fault }
      await finishTask(db, fence, { to: 'succeeded', result: missing, damage })
    }

    expect((await getCheckpoint(db, task.checkpointId))!.quarantined).toBe(true)
    const told = (await listEvents(db, task.jobId)).filter(({ reason }) => reason === 'checkpoint_corrupt')
    expect(told).toMatchObject([
      { actor: 'checker', message: expect.stringMatching(/step 10 .* its object is missing/) },
    ])
    expect(await getTask(db, again.id)).toMatchObject({ state: 'succeeded', result: { intact: false } })
  })

  test('of a job that is over is told without a word of training', async () => {
    const task = await aTask()
    await finishAttempt(db, { jobId: task.jobId, epoch: 1 }, { to: 'succeeded', reason: 'budget_reached' })
    const { fence, checkpoint } = await claimed()

    await finishTask(db, fence, { to: 'succeeded', result: missing, damage: { id: checkpoint.id, fault: 'is gone' } })

    expect((await listEvents(db, task.jobId)).at(-1)).toMatchObject({
      from: 'succeeded',
      to: 'succeeded',
      message: 'the checkpoint of step 10 was put aside, is gone; no good one is left',
    })
  })
})

describe('cancel', () => {
  test('at once while it waits; by its worker while it runs, whatever that one found', async () => {
    const waiting = await aTask()
    expect(await cancelTask(db, waiting.id)).toMatchObject({ state: 'cancelled', reason: 'user' })
    expect(await cancelTask(db, waiting.id)).toMatchObject({ state: 'cancelled' })

    const running = await aTask()
    const { fence, checkpoint } = await claimed()
    expect(await cancelTask(db, running.id)).toMatchObject({ state: 'cancelling' })
    expect(await renewTaskLease(db, fence, 60)).toEqual({ state: 'cancelling' })
    const damage = { id: checkpoint.id, fault: missing.fault }
    expect(await finishTask(db, fence, { to: 'succeeded', result: missing, damage })).toMatchObject({
      state: 'cancelled',
      result: null,
    })
    expect((await getCheckpoint(db, checkpoint.id))!.quarantined).toBe(false)
  })

  test('is finished by the reconciler when its worker is lost, and refused when the task is over', async () => {
    const lost = await aTask()
    await claimed()
    await cancelTask(db, lost.id)
    await expire()
    expect(await reconcileTasks(db)).toEqual({ requeued: 0, cancelled: 1, failed: 0 })
    expect(await getTask(db, lost.id)).toMatchObject({ state: 'cancelled', reason: 'user' })

    const done = await aTask()
    await finishTask(db, (await claimed()).fence, { to: 'succeeded', result: intact })
    await expect(cancelTask(db, done.id)).rejects.toMatchObject({ code: 'invalid-state', currentState: 'succeeded' })
    await expect(cancelTask(db, done.jobId)).rejects.toMatchObject({ code: 'not-found' })
  })
})

const ids = (page: { items: Task[] }) => page.items.map(({ id }) => id)

test('the list is newest first, by state, kind and job, page by page', async () => {
  const tasks = [await aTask(), await aTask(), await aTask()]
  await cancelTask(db, tasks[1]!.id)

  const first = await listTasks(db, { limit: 2 })
  expect(ids(first)).toEqual([tasks[2]!.id, tasks[1]!.id])
  const rest = await listTasks(db, { limit: 2, cursor: first.nextCursor! })
  expect([ids(rest), rest.nextCursor]).toEqual([[tasks[0]!.id], null])
  expect(ids(await listTasks(db, { limit: 9, state: ['cancelled'], kind: ['verify'] }))).toEqual([tasks[1]!.id])
  expect(ids(await listTasks(db, { limit: 9, jobId: tasks[2]!.jobId }))).toEqual([tasks[2]!.id])
  await expect(listTasks(db, { limit: 2, cursor: 'am9iOg' })).rejects.toMatchObject({ code: 'invalid-cursor' })
})
