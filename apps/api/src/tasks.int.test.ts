import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Task } from '@kantor/contracts'
import {
  addCheckpoint,
  claimTask,
  createTask,
  finishTask,
  getTask,
  registerDataset,
  retireCheckpoints,
} from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type Services, startServices } from '@kantor/testing'
import { claim, digits, openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'
import { reconcileOnce } from './reconciler.js'

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  await registerDataset(rig.db, { ...digits, id: 'named', labels: ['zero', 'one', 'two'] })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})
beforeEach(async () => {
  await rig.db.pool.query('TRUNCATE job CASCADE')
})

async function aCheckpoint(changes: object = {}) {
  const fence = await claim(rig.db, await submit(rig, changes))
  const row = {
    id: randomUUID(),
    step: 10,
    key: `k/${randomUUID()}`,
    sizeBytes: 3,
    sha256: 'ab'.repeat(32),
    points: [],
  }
  return { fence, ...(await addCheckpoint(rig.db, fence, row)) }
}
const verify = (id: string, headers = {}) => rig.ask({ method: 'POST', url: `/checkpoints/${id}/verify`, headers })
const get = async (id: string) => replyOf('getTask', await rig.ask({ url: `/tasks/${id}` })) as Task
const cancel = (id: string) => rig.ask({ method: 'POST', url: `/tasks/${id}/cancel` })
const list = async (query: string) =>
  replyOf('listTasks', await rig.ask({ url: `/tasks?${query}` })) as { items: Task[]; nextCursor: string | null }
const generate = (id: string, payload: object = {}) =>
  rig.ask({ method: 'POST', url: `/checkpoints/${id}/generate`, payload })
const intact = { intact: true, sizeBytes: 3, sha256: 'ab'.repeat(32), fault: null }

describe('POST /checkpoints/:id/generate', () => {
  test('is a task with all defaults; the same request again is the same task, another one is not', async () => {
    const { id } = await aCheckpoint()
    const first = replyOf('generateImages', await generate(id)) as Task
    expect(first).toMatchObject({
      kind: 'generate',
      state: 'queued',
      params: { from: { kind: 'seeds', seed: 0, count: 64 }, truncation: 1, batchNorm: 'batch', as: 'png' },
    })
    expect(replyOf('generateImages', await generate(id, { truncation: 1 }))).toEqual(first)
    for (const other of [{ truncation: 0.5 }, { neighbours: 3 }, { neighbours: 4 }])
      expect((replyOf('generateImages', await generate(id, other)) as Task).id).not.toBe(first.id)
    const beside = replyOf('generateImages', await generate(id, { neighbours: 3 })) as Task
    expect(beside).toMatchObject({ params: { neighbours: 3 } })
    expect(replyOf('generateImages', await generate(id, { neighbours: 3 }))).toEqual(beside)
    await cancel(first.id)
    expect((replyOf('generateImages', await generate(id)) as Task).id).not.toBe(first.id)
  })

  test.each([
    [
      'a latent of another length',
      { from: { kind: 'latents', latents: [[1, 2, 3]] } },
      '/from/latents/0',
      'incompatible-shape',
    ],
    ['a mean that the job did not keep', { weights: 'average' }, '/weights', 'conflicting-options'],
    [
      'too many frames',
      { from: { kind: 'path', seeds: [1, 2, 3, 4, 5, 6, 7, 8], frames: 200 } },
      '/from/frames',
      'out-of-range',
    ],
    ['a walk to nowhere', { from: { kind: 'path', seeds: [1] } }, '/from/seeds', 'out-of-range'],
    ['a class of a generator that knows none', { classes: [3] }, '/classes', 'conflicting-options'],
    ['a class that is no number', { classes: ['three'] }, '/classes/0', 'wrong-type'],
    ['no class at all', { classes: [] }, '/classes', 'out-of-range'],
    ['a form there is not', { as: 'gif' }, '/as', 'not-allowed'],
    ['nothing of a latent', { truncation: 0 }, '/truncation', 'out-of-range'],
    ['more neighbours than a picture shows', { neighbours: 9 }, '/neighbours', 'out-of-range'],
    ['neighbours of too many', { neighbours: 1, from: { kind: 'seeds', count: 129 } }, '/neighbours', 'out-of-range'],
    ['neighbours in an animation', { neighbours: 1, as: 'webp' }, '/neighbours', 'conflicting-options'],
  ])('%s is refused, and no task is left', async (_, payload, pointer, code) => {
    const { id } = await aCheckpoint()
    expect((await generate(id, payload)).json()).toMatchObject({ status: 422, errors: [{ pointer, code }] })
    expect((await list('')).items).toEqual([])
  })

  test('points have neither pictures nor neighbours', async () => {
    await registerDataset(rig.db, { ...digits, id: 'ring', channels: 2, law: { kind: 'ring-8', seed: 1 } })
    const model = { generator: 'mlp', critic: 'mlp', imageSize: 1 }
    const { id } = await aCheckpoint({ spec: { dataset: 'ring', model } })
    expect((await generate(id, { neighbours: 2 })).json()).toMatchObject({
      status: 422,
      errors: ['/as', '/neighbours'].map((pointer) => ({ pointer, code: 'not-allowed' })),
    })
    expect((await generate(id, { as: 'npy' })).statusCode).toBe(202)
  })

  test('its bytes are there when it has succeeded, with their hash', async () => {
    const { id } = await aCheckpoint()
    const task = replyOf('generateImages', await generate(id)) as Task
    const output = () => rig.ask({ url: `/tasks/${task.id}/output` })
    expect((await output()).json()).toMatchObject({ status: 404, code: 'not-found' })

    const bytes = Buffer.from('images')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const key = `jobs/${task.jobId}/outputs/${task.id}`
    await rig.store.put(key, bytes, { contentType: 'image/png', sha256 })
    const { fence } = (await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 }))!
    const url = `/tasks/${task.id}/output`
    const result = {
      numImages: 64,
      imageSize: 64,
      channels: 1,
      weights: 'generator',
      sizeBytes: 6,
      sha256,
      url,
    } as const
    await finishTask(rig.db, fence, { to: 'succeeded', result, output: key })

    expect(await get(task.id)).toMatchObject({ state: 'succeeded', result })
    const answer = await output()
    expect(answer.body).toBe('images')
    expect(answer.headers).toMatchObject({ 'content-type': 'image/png', 'x-kantor-sha256': sha256 })
    expect((await rig.ask({ url: `/tasks/${unknownId}/output` })).statusCode).toBe(404)
  })
})

describe('POST /checkpoints/:id/export', () => {
  test('is a task with all defaults, the same one for the same request; its output is called after the format', async () => {
    const { id } = await aCheckpoint()
    const ask = (payload: object) => rig.ask({ method: 'POST', url: `/checkpoints/${id}/export`, payload })
    const answer = await ask({ format: 'onnx' })
    const task = replyOf('exportCheckpoint', answer) as Task
    expect(task).toMatchObject({ kind: 'export', state: 'queued', params: { format: 'onnx', batchNorm: 'running' } })
    expect(answer.headers.location).toBe(`/tasks/${task.id}`)
    expect(replyOf('exportCheckpoint', await ask({ format: 'onnx', batchNorm: 'running' }))).toEqual(task)

    const bytes = Buffer.from('a model')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const output = `jobs/${task.jobId}/outputs/${task.id}`
    await rig.store.put(output, bytes, { contentType: 'application/octet-stream', sha256 })
    const { fence } = (await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 }))!
    const written = { latentSize: 8, imageSize: 16, channels: 1, weights: 'generator' } as const
    const result = { ...written, sizeBytes: 7, sha256, url: `/tasks/${task.id}/output` }
    await finishTask(rig.db, fence, { to: 'succeeded', result, output })
    const download = await rig.ask({ url: result.url })
    expect(download.body).toBe('a model')
    expect(download.headers['content-disposition']).toContain(`${task.id}.onnx`)
  })

  test.each([
    ['no format', {}, '/format', 'not-allowed'],
    ['a format there is not', { format: 'pickle' }, '/format', 'not-allowed'],
    [
      'statistics that a format cannot hold',
      { format: 'layers-model', batchNorm: 'batch' },
      '/batchNorm',
      'conflicting-options',
    ],
    ['a mean that the job did not keep', { format: 'onnx', weights: 'average' }, '/weights', 'conflicting-options'],
    ['a class of a generator that knows none', { format: 'onnx', class: 0 }, '/class', 'conflicting-options'],
  ])('%s is refused, and no task is left', async (_, payload, pointer, code) => {
    const { id } = await aCheckpoint()
    const answer = await rig.ask({ method: 'POST', url: `/checkpoints/${id}/export`, payload })
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ pointer, code }] })
    expect((await list('')).items).toEqual([])
  })
})

describe('a conditional generator', () => {
  test('is drawn from by class, and exported by class, and refused where a class is missing or none of its own', async () => {
    const { id } = await aCheckpoint({ spec: { dataset: 'named', model: { classes: 3 } } })
    const task = replyOf('generateImages', await generate(id, { classes: [2, 0] })) as Task
    expect(task).toMatchObject({ state: 'queued', params: { classes: [2, 0] } })
    expect((await generate(id, { classes: [0, 3] })).json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '/classes/1', code: 'out-of-range', message: 'the generator knows the classes 0 to 2' }],
    })
    const exported = (payload: object) => rig.ask({ method: 'POST', url: `/checkpoints/${id}/export`, payload })
    for (const [payload, code] of [
      [{ format: 'onnx' }, 'required'],
      [{ format: 'onnx', class: 3 }, 'out-of-range'],
      [{ format: 'state-dict', class: 0 }, 'conflicting-options'],
    ] as const)
      expect((await exported(payload)).json()).toMatchObject({ status: 422, errors: [{ pointer: '/class', code }] })
    for (const payload of [{ format: 'onnx', class: 2 }, { format: 'state-dict' }])
      expect((await exported(payload)).statusCode).toBe(202)
  })
})

describe('POST /checkpoints/:id/verify', () => {
  test('answers 202 with the task and where to ask for it', async () => {
    const { id, jobId } = await aCheckpoint()
    const answer = await verify(id)
    const task = replyOf('verifyCheckpoint', answer) as Task

    expect(task).toMatchObject({ kind: 'verify', checkpointId: id, jobId, state: 'queued', result: null })
    expect(answer.headers.location).toBe(`/tasks/${task.id}`)
    expect(await get(task.id)).toEqual(task)

    const { fence } = (await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 }))!
    expect(await get(task.id)).toMatchObject({ state: 'running', worker: 'w', attempt: 1 })
    await finishTask(rig.db, fence, { to: 'succeeded', result: intact })
    expect(await get(task.id)).toMatchObject({ state: 'succeeded', reason: 'done', result: intact })
  })

  test('asked twice under one Idempotency-Key it is one task', async () => {
    const { id } = await aCheckpoint()
    const [first, second] = [
      await verify(id, { 'idempotency-key': 'once' }),
      await verify(id, { 'idempotency-key': 'once' }),
    ]

    expect(second.json()).toEqual(first.json())
    expect(second.headers).toMatchObject({ 'idempotent-replayed': 'true', location: first.headers.location })
    expect((await list('')).items).toHaveLength(1)
  })

  test('needs a checkpoint that is kept, no body, and the scope to change things', async () => {
    expect((await verify(unknownId)).json()).toMatchObject({ status: 404, code: 'not-found' })
    expect((await verify('newest')).statusCode).toBe(404)
    const { id } = await aCheckpoint()
    const url = `/checkpoints/${id}/verify`
    expect((await rig.ask({ method: 'POST', url, payload: { deep: true } })).json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '/deep', code: 'unknown-property' }],
    })
    const headers = { authorization: `Bearer ${await rig.key('read')}` }
    expect((await verify(id, headers)).statusCode).toBe(403)
    expect((await rig.ask({ url: '/tasks', headers })).statusCode).toBe(200)
  })

  test('its task goes with the checkpoint', async () => {
    const old = await aCheckpoint()
    const { id } = replyOf('verifyCheckpoint', await verify(old.id)) as Task
    const newer = { id: randomUUID(), step: 20, key: 'k/20', sizeBytes: 3, sha256: 'ab'.repeat(32), points: [] }
    await addCheckpoint(rig.db, old.fence, newer)
    await retireCheckpoints(rig.db, old.fence, { keep: 1 })

    expect((await rig.ask({ url: `/tasks/${id}` })).json()).toMatchObject({ status: 404, code: 'not-found' })
  })
})

describe('tasks', () => {
  test('are listed newest first, by state, page by page', async () => {
    const { id } = await aCheckpoint()
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.unshift((await createTask(rig.db, { kind: 'verify', checkpointId: id })).id)
    await cancel(ids[0]!)

    const first = await list('limit=2')
    const rest = await list(`limit=2&cursor=${first.nextCursor}`)
    expect([...first.items, ...rest.items].map((task) => task.id)).toEqual(ids)
    expect(rest.nextCursor).toBeNull()
    expect((await list('state=cancelled,failed&kind=verify')).items.map((task) => task.id)).toEqual([ids[0]])
  })

  test.each([
    ['state=asleep', 422, 'invalid-query'],
    ['kind=train', 422, 'invalid-query'],
    ['limit=0', 422, 'invalid-query'],
    ['jobId=7', 422, 'invalid-query'],
    ['color=red', 422, 'invalid-query'],
    ['cursor=am9iOg', 400, 'invalid-cursor'],
  ])('a list by %s is refused', async (query, status, code) => {
    expect((await rig.ask({ url: `/tasks?${query}` })).json()).toMatchObject({ status, code })
  })

  test('a cancel is met at once while nobody works on it; later by its worker, or by the reconciler without one', async () => {
    const { id: checkpointId } = await aCheckpoint()
    const [waiting, held] = [
      await createTask(rig.db, { kind: 'verify', checkpointId }),
      await createTask(rig.db, { kind: 'verify', checkpointId }),
    ]
    expect(replyOf('cancelTask', await cancel(waiting.id))).toMatchObject({ state: 'cancelled', reason: 'user' })
    expect(replyOf('cancelTask', await cancel(waiting.id))).toMatchObject({ state: 'cancelled' })
    await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 })
    expect(replyOf('cancelTask', await cancel(held.id))).toMatchObject({ state: 'cancelling' })

    await rig.db.pool.query(`UPDATE task SET lease_until = now() - interval '1 s' WHERE id = $1`, [held.id])
    await reconcileOnce(rig.db, createLogger({ logLevel: 'silent' }, 'test'))

    expect(await getTask(rig.db, held.id)).toMatchObject({ state: 'cancelled' })
    expect((await cancel(unknownId)).statusCode).toBe(404)
  })

  test('that are over in another way are not cancelled', async () => {
    const { id: checkpointId } = await aCheckpoint()
    const task = await createTask(rig.db, { kind: 'verify', checkpointId })
    const { fence } = (await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 }))!
    await finishTask(rig.db, fence, { to: 'succeeded', result: intact })

    expect((await cancel(task.id)).json()).toMatchObject({
      status: 409,
      code: 'invalid-state',
      currentState: 'succeeded',
      allowed: [],
    })
  })
})
