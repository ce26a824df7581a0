import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, JobEvent, RouteName } from '@kantor/contracts'
import { addCheckpoint, addSample, type Fence, finishAttempt, markRunning } from '@kantor/db'
import { checkpointKey, sampleKey } from '@kantor/storage'
import { type Services, startServices } from '@kantor/testing'
import { claim, openRig, replyOf, type Rig, sha256, submit, unknownId } from '../tests/rig.js'

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

const post = (path: string, payload?: object) => rig.ask({ method: 'POST', url: path, ...(payload && { payload }) })
const act = async (name: RouteName, id: string, payload?: object) =>
  replyOf(name, await post(`/jobs/${id}/${name.replace('Job', '')}`, payload)) as Job
const get = async (id: string) => replyOf('getJob', await rig.ask({ url: `/jobs/${id}` })) as Job
const errorsOf = (response: { json(): unknown }) =>
  (response.json() as { errors: { pointer: string; code: string }[] }).errors.map((error) => [
    error.pointer,
    error.code,
  ])

async function keysOf(jobId: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of rig.store.list(`jobs/${jobId}/`)) keys.push(key)
  return keys
}

const checkpointAt = async (fence: Fence, step: number) => {
  const bytes = Buffer.from(`checkpoint ${step}`)
  const key = checkpointKey(fence.jobId, step, fence.epoch, sha256(bytes))
  await rig.store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256(bytes) })
  const row = { id: randomUUID(), step, key, sizeBytes: bytes.length, sha256: sha256(bytes), points: [] }
  return addCheckpoint(rig.db, fence, row)
}

const damage = (id: string) => rig.db.pool.query('UPDATE checkpoint SET quarantined = true WHERE id = $1', [id])

/** A job of its own kind that ended with a checkpoint at step 10. */
async function ended(to: 'failed' | 'succeeded' | 'stopped' = 'failed', changes: object = {}) {
  const job = await submit(rig, changes)
  const fence = await claim(rig.db, job)
  await markRunning(rig.db, fence)
  const checkpoint = await checkpointAt(fence, 10)
  if (to === 'stopped') await post(`/jobs/${job.id}/stop`)
  await finishAttempt(rig.db, fence, { to, reason: to === 'failed' ? 'diverged' : 'user' })
  return { job, checkpoint }
}

describe('pause, resume, stop', () => {
  test('a queued job is paused at once, waits, and goes back into the queue', async () => {
    const { id } = await submit(rig)

    expect((await act('pauseJob', id)).state).toBe('paused')
    expect((await act('pauseJob', id, { checkpoint: 'latest' })).state).toBe('paused')
    const wakes = rig.wakes()
    expect(await act('resumeJob', id)).toMatchObject({ state: 'queued', reason: 'user' })
    expect(rig.wakes()).toBe(wakes + 1)
    expect((await act('stopJob', id)).state).toBe('stopped')
    const { items } = replyOf('listEvents', await rig.ask({ url: `/jobs/${id}/events` })) as { items: JobEvent[] }
    expect(items.map(({ to, actor }) => `${to} by ${actor}`)).toEqual([
      'queued by admin key',
      'paused by admin key',
      'queued by admin key',
      'stopped by admin key',
    ])
  })

  test('a refusal names the state and what the job takes instead', async () => {
    const { job } = await ended()

    const response = await post(`/jobs/${job.id}/pause`)

    expect(response.statusCode).toBe(409)
    expect(response.json()).toMatchObject({
      code: 'invalid-state',
      currentState: 'failed',
      allowed: ['retry', 'fork', 'archive', 'unarchive', 'delete'],
    })
  })

  test.each([{ checkpoint: 'none' }, { checkpoint: null }, { when: 'now' }])('pause refuses %j', async (body) => {
    const { id } = await submit(rig)

    expect((await post(`/jobs/${id}/pause`, body)).statusCode).toBe(422)
    expect((await get(id)).state).toBe('queued')
  })
})

describe('retry', () => {
  test.each(['failed', 'stopped'] as const)('of a job that %s goes on from its newest good checkpoint', async (to) => {
    const { job, checkpoint } = await ended(to, { name: 'first', tags: { a: 'b' }, priority: 9 })

    const response = await post(`/jobs/${job.id}/retry`)
    const again = replyOf('retryJob', response) as Job

    expect(response.headers['location']).toBe(`/jobs/${again.id}`)
    expect(again).toMatchObject({
      state: 'queued',
      name: 'first',
      tags: { a: 'b' },
      priority: 9,
      spec: job.spec,
      startFrom: { jobId: job.id, checkpoint: checkpoint.id },
    })
    const events = replyOf('listEvents', await rig.ask({ url: `/jobs/${again.id}/events` })) as { items: JobEvent[] }
    expect(events.items[0]!.message).toBe(`starts from the checkpoint of step 10 of job ${job.id}`)
  })

  test('without a checkpoint begins from scratch; a damaged one is no checkpoint', async () => {
    const { id } = await submit(rig)
    await act('cancelJob', id)
    expect((await act('retryJob', id)).startFrom).toBeNull()

    const { job, checkpoint } = await ended()
    await damage(checkpoint.id)
    expect((await act('retryJob', job.id)).startFrom).toBeNull()
  })

  test('of a job that lives or has succeeded is refused', async () => {
    const { id } = await submit(rig)
    const { job } = await ended('succeeded')

    expect((await post(`/jobs/${id}/retry`)).json()).toMatchObject({ code: 'invalid-state', currentState: 'queued' })
    expect((await post(`/jobs/${job.id}/retry`)).json()).toMatchObject({ currentState: 'succeeded' })
  })
})

describe('fork', () => {
  test('inherits the spec, with changes laid over it', async () => {
    const { job, checkpoint } = await ended('succeeded', { spec: { dataset: 'digits', seed: 4, batchSize: 32 } })

    const fork = await act('forkJob', job.id, {
      name: 'longer',
      spec: { budget: { generatorSteps: 20_000 }, optimizer: { kind: 'adam', beta1: 0 } },
    })

    expect(fork).toMatchObject({ name: 'longer', startFrom: { jobId: job.id, checkpoint: checkpoint.id } })
    expect(fork.spec).toEqual({
      ...job.spec,
      budget: { generatorSteps: 20_000 },
      optimizer: { ...job.spec.optimizer, kind: 'adam', beta1: 0, beta2: 0.999 },
    })
    const events = replyOf('listEvents', await rig.ask({ url: `/jobs/${fork.id}/events` })) as { items: JobEvent[] }
    expect(events.items[0]!.message).toContain("adam in place of rmsprop: the optimizer's state starts anew")
  })

  test('POST /jobs with startFrom is the same', async () => {
    const { job, checkpoint } = await ended()
    const startFrom = { jobId: job.id, checkpoint: checkpoint.id }

    expect((await submit(rig, { startFrom, spec: { dataset: 'digits' } })).startFrom).toEqual(startFrom)
  })

  test('row 25: refuses another model, field by field, and a budget that is spent', async () => {
    const { job } = await ended()

    const response = await post(`/jobs/${job.id}/fork`, {
      spec: { model: { imageSize: 32, critic: 'dcgan-nobn' }, budget: { generatorSteps: 10 } },
    })

    expect(response.statusCode).toBe(422)
    expect(errorsOf(response)).toEqual([
      ['/spec/model/critic', 'incompatible-shape'],
      ['/spec/model/imageSize', 'incompatible-shape'],
      ['/spec/budget/generatorSteps', 'out-of-range'],
    ])
  })

  test('refuses checkpoints that are unknown, of another job, or damaged, and keys that are unknown', async () => {
    const { job, checkpoint } = await ended()
    const other = await ended()
    const at = (jobId: string, id: string) =>
      post('/jobs', { spec: { dataset: 'digits' }, startFrom: { jobId, checkpoint: id } })
    const notFound = [['/startFrom/checkpoint', 'checkpoint-not-found']]

    expect(errorsOf(await at(job.id, unknownId))).toEqual(notFound)
    expect(errorsOf(await at(other.job.id, checkpoint.id))).toEqual(notFound)
    await damage(checkpoint.id)
    expect(errorsOf(await at(job.id, checkpoint.id))).toEqual(notFound)
    expect(errorsOf(await post(`/jobs/${other.job.id}/fork`, { spec: { budgte: 1 } }))).toEqual([
      ['/spec/budgte', 'unknown-property'],
    ])
    expect((await post(`/jobs/${unknownId}/fork`, {})).statusCode).toBe(404)
    const { id } = await submit(rig)
    expect((await post(`/jobs/${id}/fork`)).json()).toMatchObject({ code: 'invalid-state', currentState: 'queued' })
  })
})

test('archive leaves a job out of the lists that do not ask for it', async () => {
  const { job } = await ended()
  const listed = async (query: string) => {
    const page = replyOf('listJobs', await rig.ask({ url: `/jobs?limit=200${query}` })) as { items: Job[] }
    return page.items.some(({ id }) => id === job.id)
  }

  expect((await act('archiveJob', job.id)).archivedAt).not.toBeNull()
  expect([await listed(''), await listed('&archived=true'), await listed('&archived=all')]).toEqual([false, true, true])
  await act('unarchiveJob', job.id)
  expect([await listed(''), await listed('&archived=true')]).toEqual([true, false])
})

test('PATCH changes what is mutable and nothing else', async () => {
  const job = await submit(rig, { tags: { x: '1' } })
  const patch = (payload: object) => rig.ask({ method: 'PATCH', url: `/jobs/${job.id}`, payload })
  const wakes = rig.wakes()

  const changed = replyOf('patchJob', await patch({ name: 'renamed', tags: { y: '2' }, priority: 1 })) as Job

  expect(changed).toEqual({ ...job, name: 'renamed', tags: { y: '2' }, priority: 1, revision: 2 })
  expect(rig.wakes()).toBe(wakes + 1)
  expect(errorsOf(await patch({}))).toEqual([['', 'required']])
  expect(errorsOf(await patch({ spec: {}, priority: 0 }))).toEqual([
    ['/priority', 'out-of-range'],
    ['/spec', 'unknown-property'],
  ])
  expect((await rig.ask({ method: 'PATCH', url: `/jobs/${job.id}` })).json()).toMatchObject({ code: 'empty-body' })
  expect(await get(job.id)).toMatchObject(changed)
})

test('PATCH with If-Match changes only what was seen; a job that is held is not sent again', async () => {
  const job = await submit(rig)
  const url = `/jobs/${job.id}`
  const patch = (priority: number, tag: string) =>
    rig.ask({ method: 'PATCH', url, payload: { priority }, headers: { 'if-match': tag } })
  const { etag = '' } = (await rig.ask({ url })).headers
  const held = await rig.ask({ url, headers: { 'if-none-match': etag } })
  expect([held.statusCode, held.body, held.headers['etag']]).toEqual([304, '', etag])

  const first = await patch(1, etag)
  expect(first.statusCode).toBe(200)
  const late = await patch(2, etag)
  expect([late.statusCode, late.json()]).toEqual([412, expect.objectContaining({ code: 'precondition-failed' })])
  expect((await patch(3, first.headers['etag']!)).statusCode).toBe(200)
  for (const tag of ['"3"', 'W/"3.abc"', '"1", "3"', '*']) expect((await patch(3, tag)).statusCode).toBe(200)
  for (const tag of ['3', '"x"', '']) expect((await patch(9, tag)).statusCode).toBe(412)
  expect((await rig.ask({ url, headers: { 'if-none-match': etag } })).json()).toMatchObject({
    revision: 3,
    priority: 3,
  })
})

const remove = (id: string) => rig.ask({ method: 'DELETE', url: `/jobs/${id}` })

describe('DELETE /jobs/:id', () => {
  test('row 52: is refused while a worker has the job; then removes its rows and objects', async () => {
    const job = await submit(rig)
    const fence = await claim(rig.db, job)
    await checkpointAt(fence, 5)
    const png = Buffer.from('png')
    const key = sampleKey(job.id, 5, 1, sha256(png))
    await rig.store.put(key, png, { contentType: 'image/png', sha256: sha256(png) })
    const geometry = { numImages: 1, columns: 1, tileSize: 1, padding: 0, channels: 1 }
    await addSample(rig.db, fence, { id: randomUUID(), step: 5, key, ...geometry, sizeBytes: 3, sha256: sha256(png) })
    const refused = await remove(job.id)
    expect(refused.statusCode).toBe(409)
    expect(refused.json()).toMatchObject({ code: 'invalid-state', currentState: 'starting' })
    await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged' })

    expect(replyOf('deleteJob', await remove(job.id))).toEqual({ id: job.id, deleted: true })

    expect((await remove(job.id)).statusCode).toBe(404)
    expect(await keysOf(job.id)).toEqual([])
  })

  test('is refused while another job starts from one of its checkpoints', async () => {
    const { job } = await ended()
    const fork = await act('retryJob', job.id)

    const response = await remove(job.id)

    expect(response.statusCode).toBe(409)
    expect(response.json()).toMatchObject({ code: 'checkpoint-in-use', detail: expect.stringContaining(fork.id) })
    await act('cancelJob', fork.id)
    replyOf('deleteJob', await remove(fork.id))
    replyOf('deleteJob', await remove(job.id))
  })
})

const bulk = async (payload: object) =>
  replyOf('actOnJobs', await post('/jobs/actions', payload)) as {
    results: { id: string; ok: boolean; state: string | null; newJobId?: string; error?: { code: string } }[]
    more: boolean
  }

describe('POST /jobs/actions', () => {
  test('acts on each by itself, and tells what became of each', async () => {
    const queued = await submit(rig)
    const over = (await ended()).job

    const { results, more } = await bulk({ action: 'pause', ids: [queued.id, over.id, unknownId, queued.id] })

    expect(more).toBe(false)
    expect(results).toMatchObject([
      { id: queued.id, ok: true, state: 'paused' },
      { id: over.id, ok: false, state: 'failed', error: { code: 'invalid-state', allowed: expect.any(Array) } },
      { id: unknownId, ok: false, state: null, error: { code: 'not-found' } },
    ])
  })

  test('under an Idempotency-Key is done once, and one that refuses undoes only itself', async () => {
    const live = await submit(rig)
    const over = (await ended()).job
    const gone = (await ended()).job
    const headers = { 'idempotency-key': randomUUID() }
    const payload = { action: 'delete', ids: [live.id, over.id, gone.id] }
    const ask = () => rig.ask({ method: 'POST', url: '/jobs/actions', headers, payload })

    const first = await ask()
    const again = await ask()

    const { results } = replyOf('actOnJobs', first) as { results: { ok: boolean }[] }
    expect(results.map(({ ok }) => ok)).toEqual([false, true, true])
    expect(again.body).toBe(first.body)
    expect(again.headers['idempotent-replayed']).toBe('true')
    // Objects go after the commit, and perhaps after the reply.
    for (const { id } of [over, gone]) while ((await keysOf(id)).length > 0) await sleep(20)
  })

  test('finds jobs by a filter', async () => {
    const tags = { sweep: randomUUID() }
    const jobs = [await submit(rig, { tags: { ...tags, lr: '1' } }), await submit(rig, { tags })]
    await submit(rig)

    const cancelled = await bulk({ action: 'cancel', filter: { tags, state: ['queued'] } })
    expect(cancelled.results.map(({ id, state }) => [id, state])).toEqual(jobs.map(({ id }) => [id, 'cancelled']))
    const retried = await bulk({ action: 'retry', filter: { tags } })
    expect(retried.results.map(({ state }) => state)).toEqual(['queued', 'queued'])
    expect((await get(retried.results[0]!.newJobId!)).tags).toEqual({ ...tags, lr: '1' })
    const deleted = await bulk({ action: 'delete', ids: jobs.map(({ id }) => id) })
    expect(deleted.results).toEqual(jobs.map(({ id }) => ({ id, ok: true, state: null })))
  })

  test.each([
    [{ action: 'cancel' }, ''],
    [{ action: 'cancel', ids: [], filter: { name: 'x' } }, '/ids'],
    [{ action: 'cancel', filter: {} }, '/filter'],
    [{ action: 'cancel', ids: [unknownId], checkpoint: 'save' }, '/checkpoint'],
    [{ action: 'explode', ids: [unknownId] }, '/action'],
    [{ action: 'cancel', filter: { state: ['asleep'] } }, '/filter/state/0'],
  ])('refuses %j', async (body, pointer) => {
    const response = await post('/jobs/actions', body)

    expect(response.statusCode).toBe(422)
    expect(errorsOf(response).map(([at]) => at)).toContain(pointer)
  })
})
