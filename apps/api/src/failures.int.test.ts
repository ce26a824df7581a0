import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Dossier, Job, LogReply } from '@kantor/contracts'
import {
  appendLog,
  appendPoints,
  type Fence,
  FencedError,
  finishAttempt,
  markRunning,
  type NewLogLine,
} from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { aPoint, claim, openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const line = (text: string, level: NewLogLine['level'] = 'info'): NewLogLine => ({
  ageMs: 0,
  level,
  source: 'stderr',
  text,
})
const start = async (changes: object = {}): Promise<{ job: Job; fence: Fence }> => {
  const job = await submit(rig, changes)
  return { job, fence: await claim(rig.db, job) }
}

const read = async (id: string, query = '') =>
  replyOf('getLogs', await rig.ask({ url: `/jobs/${id}/logs${query}` })) as LogReply

describe('GET /jobs/:id/logs', () => {
  test('gives the tail, then what came after the cursor; searched and by level', async () => {
    const { job, fence } = await start()
    await appendLog(rig.db, fence, [line('one'), line('Two', 'error'), line('three')])

    const first = await read(job.id, '?tail=2')
    expect(first.items.map(({ text }) => text)).toEqual(['Two', 'three'])
    expect(first).toMatchObject({ complete: false, dropped: 0 })
    await appendLog(rig.db, fence, [line('four')])
    expect((await read(job.id, `?after=${first.cursor}`)).items.map(({ text }) => text)).toEqual(['four'])
    expect((await read(job.id, '?q=two')).items).toHaveLength(1)
    expect((await read(job.id, '?level=error&attempt=1')).items).toHaveLength(1)
    expect((await read(job.id, '?attempt=2')).items).toEqual([])
  })

  test('a follower gets a line when it comes, and hears of the end at once', async () => {
    const { job, fence } = await start()
    const waiting = read(job.id, '?after=0&wait=20')
    await appendLog(rig.db, fence, [line('at last')])
    const { items, cursor } = await waiting
    expect(items.map(({ text }) => text)).toEqual(['at last'])

    const last = read(job.id, `?after=${cursor}&wait=20`)
    await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged' })

    expect(await last).toEqual({ items: [], cursor, dropped: 0, complete: true })
  })

  test.each(['?tail=0', '?tail=2001', '?after=-1', '?wait=21', '?level=loud', '?attempt=x', '?q=', '?sort=up'])(
    'refuses %s with the field and a remedy',
    async (query) => {
      const { job } = await start()

      const answer = await rig.ask({ url: `/jobs/${job.id}/logs${query}` })

      expect([answer.statusCode, answer.json()]).toEqual([
        422,
        expect.objectContaining({
          code: 'invalid-query',
          errors: [expect.objectContaining({ message: expect.any(String) })],
        }),
      ])
    },
  )

  test('an unknown job has none', async () => {
    expect((await rig.ask({ url: `/jobs/${unknownId}/logs` })).statusCode).toBe(404)
  })
})

describe('GET /jobs/:id/dossier', () => {
  test('holds the end of a failed job, its attempts, and what the nearest good job does otherwise', async () => {
    const good = await start({ name: 'good' })
    await markRunning(rig.db, good.fence)
    await finishAttempt(rig.db, good.fence, { to: 'succeeded', reason: 'budget_reached' })
    const other = await start({ spec: { dataset: 'digits', batchSize: 32, budget: { epochs: 1 } } })
    await markRunning(rig.db, other.fence)
    await finishAttempt(rig.db, other.fence, { to: 'succeeded', reason: 'budget_reached' })
    const { job, fence } = await start({
      spec: { dataset: 'digits', optimizer: { kind: 'rmsprop', criticLearningRate: 0.5 } },
    })
    await finishAttempt(rig.db, fence, { to: 'queued', reason: 'trainer_killed', message: 'by SIGSEGV' })
    const second = await claim(rig.db, job)
    await markRunning(rig.db, second, 'bitwise')
    await expect(appendPoints(rig.db, fence, [aPoint(1, 9)])).rejects.toThrow(FencedError)
    await appendPoints(rig.db, second, [aPoint(1, 1.5), aPoint(2, Number.NaN)])
    await appendLog(rig.db, second, [line('not finite', 'error')])
    await finishAttempt(rig.db, second, { to: 'failed', reason: 'diverged', message: 'from generator step 2' })

    const dossier = replyOf('getDossier', await rig.ask({ url: `/jobs/${job.id}/dossier` })) as Dossier

    expect(dossier).toMatchObject({
      job: { id: job.id, reason: 'diverged' },
      meaning: 'Training diverged',
      remedy: expect.stringContaining('learning rates'),
      points: [
        { step: 1, values: { w_estimate: 1.5 } },
        { step: 2, values: { w_estimate: 'NaN' } },
      ],
      samples: [],
      attempts: [
        {
          attempt: 1,
          outcome: 'queued',
          reason: 'trainer_killed',
          message: 'by SIGSEGV',
          determinism: null,
          fencedWrites: 1,
        },
        { attempt: 2, outcome: 'failed', reason: 'diverged', determinism: 'bitwise', fencedWrites: 0, fromStep: 0 },
      ],
      log: [{ attempt: 2, text: 'not finite' }],
      nearest: { jobId: good.job.id, name: 'good' },
    })
    // The same shape as the list of attempts.
    expect(replyOf('listAttempts', await rig.ask({ url: `/jobs/${job.id}/attempts` }))).toEqual({
      items: dossier.attempts,
    })
    expect(dossier.nearest?.differences).toContainEqual({
      pointer: '/optimizer/criticLearningRate',
      here: 0.5,
      there: 0.00005,
    })
  })

  test('a job that did not fail has none, and the answer says which would', async () => {
    const { job } = await start()

    const answer = await rig.ask({ url: `/jobs/${job.id}/dossier` })

    expect([answer.statusCode, answer.json()]).toEqual([
      409,
      expect.objectContaining({ code: 'invalid-state', currentState: 'starting', allowed: ['failed'] }),
    ])
    expect((await rig.ask({ url: `/jobs/${unknownId}/dossier` })).statusCode).toBe(404)
  })
})
