import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Weights } from '@kantor/contracts'
import { claimJob, unreferencedKeys } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'

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

const upload = (payload: Buffer) =>
  rig.ask({ method: 'POST', url: '/weights', payload, headers: { 'content-type': 'application/octet-stream' } })
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
    const claim = await claimJob(rig.db, { jobId: job.id, workerId: 'w', leaseSeconds: 60 })
    expect(claim).toMatchObject({ resume: null, start: null, weights: { id: weights.id, sha256: weights.sha256 } })

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
