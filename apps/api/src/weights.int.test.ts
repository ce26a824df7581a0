import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Task, Weights } from '@kantor/contracts'
import { addCheckpoint, cancelTask, claimJob, unreferencedKeys } from '@kantor/db'
import { graphBytes, type Services, startServices } from '@kantor/testing'
import { claim, openRig, replyOf, type Rig, sha256, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  const deps = { spoolDirectory: join(services.directory, 'uploads') }
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory, deps })
})
afterAll(async () => {
  await rig?.close()
  await services?.stop()
})
beforeEach(async () => {
  await rig.db.pool.query('TRUNCATE job, weights CASCADE')
})

/** A safetensors file; every tensor is a vector. */
function file(
  tensors: Record<string, number[] | { dtype: string; bytes: Buffer }>,
  metadata: Record<string, string> = {},
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata }
  const data: Buffer[] = []
  let at = 0
  for (const [name, value] of Object.entries(tensors)) {
    const { dtype, bytes } = Array.isArray(value)
      ? { dtype: 'F32', bytes: Buffer.from(Float32Array.from(value).buffer) }
      : value
    const size = { F32: 4, F16: 2, I64: 8 }[dtype]!
    header[name] = { dtype, shape: [bytes.length / size], data_offsets: [at, (at += bytes.length)] }
    data.push(bytes)
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...data])
}

const upload = (payload: Buffer, query = '') => {
  const headers = { 'content-type': 'application/octet-stream' }
  return rig.ask({ method: 'POST', url: `/weights${query}`, payload, headers })
}
const remove = (id: string) => rig.ask({ method: 'DELETE', url: `/weights/${id}` })
const named = (network: string, value = 1) => file({ 'main.0.weight': [value] }, { 'kantor.network': network })
const good = () => file({ 'netG.main.0.weight': [1, 2], 'netD.main.0.weight': [3] })

describe('uploaded weights', () => {
  test('are listed with what they hold, once per content, and are deleted with their object', async () => {
    const weights = replyOf('uploadWeights', await upload(good())) as Weights
    expect(weights).toMatchObject({ networks: ['generator', 'critic'], sizeBytes: good().length })
    expect(replyOf('uploadWeights', await upload(good()))).toEqual(weights)
    // A checkpoint's file is taken too: what it holds beside the networks is passed over.
    const checkpoint = file({
      'netG.main.0.weight': [1],
      'netG.main.1.num_batches_tracked': { dtype: 'I64', bytes: Buffer.alloc(8, 0xff) },
      'optimizerG.square_avg.main.0.weight': [Number.NaN],
      'netG_ema.main.0.weight': [2],
    })
    const half = replyOf('uploadWeights', await upload(checkpoint)) as Weights
    expect(half.networks).toEqual(['generator'])

    const list = replyOf('listWeights', await rig.ask({ url: '/weights?limit=1' })) as { nextCursor: string }
    expect(list).toMatchObject({ items: [half] })
    const rest = await rig.ask({ url: `/weights?limit=1&cursor=${list.nextCursor}` })
    expect(replyOf('listWeights', rest)).toEqual({ items: [weights], nextCursor: null })

    const { rows } = await rig.db.pool.query('SELECT key FROM weights WHERE id = $1', [weights.id])
    expect(replyOf('deleteWeights', await remove(weights.id))).toEqual({ id: weights.id, deleted: true })
    await expect(rig.store.getBytes(rows[0].key)).rejects.toMatchObject({ code: 'not-found' })
    expect(await unreferencedKeys(rig.db, [rows[0].key])).toEqual([rows[0].key])
    expect((await remove(weights.id)).statusCode).toBe(404)
  })

  test('of one network need no prefix where the metadata names it, as in an exported state_dict', async () => {
    expect(replyOf('uploadWeights', await upload(named('generator')))).toMatchObject({ networks: ['generator'] })
    expect(replyOf('uploadWeights', await upload(named('critic')))).toMatchObject({ networks: ['critic'] })
    for (const [payload, pointer, code] of [
      [named('judge'), '', 'required'],
      [named('critic', Infinity), '/main.0.weight', 'invalid'],
    ] as const)
      expect((await upload(payload)).json()).toMatchObject({ status: 422, errors: [{ pointer, code }] })
  })

  test('are what a job starts from, and stay for as long as it does', async () => {
    const weights = replyOf('uploadWeights', await upload(good())) as Weights
    const startFrom = { weights: weights.id }
    const job = await submit(rig, { startFrom, spec: { dataset: 'digits' } })
    expect(job.startFrom).toEqual(startFrom)
    const events = await rig.ask({ url: `/jobs/${job.id}/events` })
    expect(events.body).toContain('starts from uploaded weights (generator and critic')
    expect(replyOf('getJob', await rig.ask({ url: `/jobs/${job.id}` }))).toMatchObject({ startFrom })
    const claimed = await claimJob(rig.db, { jobId: job.id, workerId: 'w', leaseSeconds: 60 })
    expect(claimed).toMatchObject({ resume: null, start: null, weights: { id: weights.id, sha256: weights.sha256 } })

    const refused = await remove(weights.id)
    expect(refused.json()).toMatchObject({
      status: 409,
      code: 'weights-in-use',
      detail: expect.stringContaining(job.id),
    })
  })

  test('that there are not are refused with the way to some', async () => {
    const answer = await rig.ask({
      method: 'POST',
      url: '/jobs',
      payload: { startFrom: { weights: unknownId }, spec: { dataset: 'digits' } },
    })
    expect(answer.json()).toMatchObject({
      status: 422,
      errors: [
        { pointer: '/startFrom/weights', code: 'weights-not-found', hint: expect.stringContaining('POST /weights') },
      ],
    })
  })

  test.each([
    ['are a pickle', () => Buffer.from('PK\x03\x04 and so on'), '', 'invalid'],
    ['are cut short', () => good().subarray(0, -1), '', 'invalid'],
    ['are of no network', () => file({}), '', 'required'],
    ['have names without a prefix', () => file({ 'main.0.weight': [1] }), '', 'required'],
    [
      'have a name of no network',
      () => file({ 'netG.main.0.weight': [1], 'netE.main.0.weight': [1] }),
      '/netE.main.0.weight',
      'unknown-property',
    ],
    [
      'are of half precision',
      () => file({ 'netG.a/b': { dtype: 'F16', bytes: Buffer.alloc(2) } }),
      '/netG.a~1b',
      'wrong-type',
    ],
    ['are not finite', () => file({ 'netG.a': [1], 'netD.b': [0, Infinity] }), '/netD.b', 'invalid'],
    ['are not numbers', () => file({ 'netG.a': [Number.NaN] }), '/netG.a', 'invalid'],
  ])('that %s are refused, with the remedy', async (_, payload, pointer, code) => {
    const answer = await upload(payload())
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ pointer, code, hint: expect.any(String) }] })
    expect(((await rig.ask({ url: '/weights' })).json() as { items: unknown[] }).items).toEqual([])
  })
})

const inception = { ExpandDims: 'ExpandDims', conv: 'Conv2D', pool_3: 'AvgPool' }
const network = async (nodes: Record<string, string> = inception, query = '') =>
  replyOf('uploadWeights', await upload(graphBytes(nodes), `?holds=features${query}`)) as Weights
const evaluate = (id: string, payload: object) =>
  rig.ask({ method: 'POST', url: `/checkpoints/${id}/evaluate`, payload })
const aCheckpoint = async () => {
  const fence = await claim(rig.db, await submit(rig))
  const row = { id: randomUUID(), step: 1, key: randomUUID(), sizeBytes: 3, sha256: 'ab'.repeat(32), points: [] }
  return (await addCheckpoint(rig.db, fence, row)).id
}
const post = (payload: object) => rig.ask({ method: 'POST', url: '/jobs', payload })

describe('an uploaded network to measure by', () => {
  test('is Inception’s unless told otherwise, is one per content, and is described in one way', async () => {
    const features = { input: 'ExpandDims', output: 'pool_3', size: null, range: '0..255' }
    const stored = await network()
    expect(stored).toMatchObject({ networks: ['features'], features, sha256: sha256(graphBytes(inception)) })
    expect(await network(inception, '&output=pool_3:0')).toEqual(stored)
    const otherwise = await upload(graphBytes(inception), '?holds=features&size=299')
    expect(otherwise.json()).toMatchObject({
      status: 422,
      errors: [{ code: 'conflicting-options', hint: expect.stringContaining(`DELETE /weights/${stored.id}`) }],
    })
    const own = await network({ x: 'Placeholder', y: 'Mean' }, '&input=x&output=y&size=299&range=-1..1')
    expect(own.features).toEqual({ input: 'x', output: 'y', size: 299, range: '-1..1' })
    expect((await upload(good(), '?range=0..1')).json()).toMatchObject({ status: 422, errors: [{ pointer: 'range' }] })
  })

  test('is named by evaluations, and is there until they are over', async () => {
    const { id: extractor } = await network()
    const checkpoint = await aCheckpoint()
    const task = replyOf('evaluateCheckpoint', await evaluate(checkpoint, { extractor, images: 20 })) as Task
    expect(task).toMatchObject({ params: { extractor, metrics: expect.arrayContaining(['fid_uploaded']) } })
    const refused = await remove(extractor)
    expect(refused.json()).toMatchObject({ status: 409, code: 'weights-in-use' })
    expect(refused.body).toContain(task.id)
    await cancelTask(rig.db, task.id)
    const evaluation = { metrics: ['fid_uploaded'], extractor }
    const job = await submit(rig, { spec: { dataset: 'digits', evaluation } })
    expect(job.spec.evaluation).toMatchObject(evaluation)
    expect((await remove(extractor)).body).toContain(job.id)
    await rig.ask({ method: 'POST', url: `/jobs/${job.id}/cancel` })
    expect((await remove(extractor)).statusCode).toBe(200)
  })

  test('does not start a job, and weights to start from measure nothing; what is missing is said', async () => {
    const [{ id: features }, weights] = [await network(), replyOf('uploadWeights', await upload(good())) as Weights]
    const started = await post({ startFrom: { weights: features }, spec: { dataset: 'digits' } })
    expect(started.json()).toMatchObject({ errors: [{ pointer: '/startFrom/weights', code: 'weights-not-found' }] })
    const evaluation = { metrics: ['fid_uploaded'], extractor: weights.id, weights: 'average' }
    expect((await post({ spec: { dataset: 'digits', evaluation } })).json()).toMatchObject({
      status: 422,
      errors: [
        { pointer: '/spec/evaluation/weights', code: 'conflicting-options' },
        { pointer: '/spec/evaluation/extractor', code: 'weights-not-found' },
      ],
    })
    const checkpoint = await aCheckpoint()
    expect((await evaluate(checkpoint, { metrics: ['kid_uploaded'] })).json()).toMatchObject({
      errors: [{ pointer: '/metrics/0', message: expect.stringContaining('name it by extractor') }],
    })
    expect((await evaluate(checkpoint, { extractor: unknownId })).json()).toMatchObject({
      errors: [{ pointer: '/extractor', code: 'weights-not-found' }],
    })
  })

  test.each<[string, Buffer, string, object]>([
    [
      'reads files',
      graphBytes({ ...inception, evil: 'ReadFile' }),
      '',
      { code: 'not-allowed', message: /ReadFile \(node evil\)/ },
    ],
    ['writes them', graphBytes({ ...inception, evil: 'WriteFile' }), '', { code: 'not-allowed', message: /WriteFile/ }],
    ['calls Python', graphBytes({ ...inception, evil: 'PyFunc' }), '', { code: 'not-allowed', message: /PyFunc/ }],
    [
      'decodes a picture of its own',
      graphBytes({
        ...inception,
        DecodeJpeg: 'DecodeJpeg',
        pool_3: { op: 'Mean', inputs: ['ExpandDims', '^DecodeJpeg:0'], attributes: {} },
      }),
      '',
      { pointer: 'input', code: 'not-allowed', message: /DecodeJpeg/ },
    ],
    [
      'hides it in a function',
      graphBytes(inception, { ofFunction: { evil: 'WriteFile' } }),
      '',
      { code: 'not-allowed', message: /WriteFile/ },
    ],
    [
      'calls a function',
      graphBytes({ ...inception, f: 'StatefulPartitionedCall' }),
      '',
      { message: /StatefulPartitionedCall/ },
    ],
    ['has variables', graphBytes({ ...inception, w: 'VarHandleOp' }), '', { message: /VarHandleOp/, hint: /GraphDef/ }],
    [
      'lacks its output',
      graphBytes({ ...inception, pool_3: 'AvgPool' }),
      '&output=pool_4',
      { pointer: 'output', hint: /pool_3/ },
    ],
    ['lacks its input', graphBytes({ x: 'Placeholder', pool_3: 'AvgPool' }), '', { pointer: 'input', hint: /x/ }],
    ['is a SavedModel', Buffer.from([0x08, 0x01, 0x12, 0x00]), '', { code: 'invalid', hint: /frozen/ }],
    ['is a ZIP', Buffer.from('PK\x03\x04 and so on'), '', { code: 'invalid', message: /no TensorFlow graph/ }],
    ['is cut short', graphBytes(inception).subarray(0, -30), '', { code: 'invalid' }],
  ])('that %s is refused', async (_, payload, query, error) => {
    const answer = await upload(payload, `?holds=features${query}`)
    const matching = Object.entries(error).map(([key, like]) => [
      key,
      like instanceof RegExp ? expect.stringMatching(like) : (like as unknown),
    ])
    expect(answer.json()).toMatchObject({ status: 422, errors: [Object.fromEntries(matching)] })
    expect(((await rig.ask({ url: '/weights' })).json() as { items: unknown[] }).items).toEqual([])
  })

  test.each(['?holds=features&output=a,b', '?holds=features&input=x:1', '?holds=features&size=4', '?holds=heads'])(
    'is not described by %s',
    async (query) => {
      expect((await upload(graphBytes(inception), query)).json()).toMatchObject({ status: 422, code: 'invalid-query' })
    },
  )
})
