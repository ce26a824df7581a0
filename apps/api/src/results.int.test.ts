import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Checkpoint, CurveReply, Sample } from '@kantor/contracts'
import {
  addCheckpoint,
  addSample,
  appendPoints,
  type Fence,
  finishAttempt,
  markRunning,
  quarantineCheckpoint,
} from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { aPoint, claim, openRig, replyOf, type Rig, sha256, submit } from '../tests/rig.js'

let services: Services
let rig: Rig
let fence: Fence
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  fence = await claim(rig.db, await submit(rig))
  await markRunning(rig.db, fence)
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const poll = (query = '', headers: Record<string, string> = {}) =>
  rig.ask({ url: `/jobs/${fence.jobId}/curve${query}`, headers })

const readCurve = async (query = '') => replyOf('getCurve', await poll(query)) as CurveReply

async function storeCheckpoint(step: number, key: string, bytes: Buffer): Promise<Checkpoint> {
  await rig.store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256(bytes) })
  const row = { id: randomUUID(), step, key, sizeBytes: bytes.length, sha256: sha256(bytes), points: [] }
  return addCheckpoint(rig.db, fence, row)
}

describe('GET /jobs/:id/curve', () => {
  test('is empty before the first point', async () => {
    expect(await readCurve()).toMatchObject({ jobId: fence.jobId, complete: false, reset: null, series: {}, marks: [] })
  })

  test('grows; a poll by cursor brings only what is new, and non-finite values by name', async () => {
    await appendPoints(rig.db, fence, [aPoint(1, 1.5), aPoint(2, 1.25)])
    const before = await readCurve('?metrics=w_estimate')
    await appendPoints(rig.db, fence, [aPoint(3, Number.NaN)])
    const after = await readCurve(`?metrics=w_estimate&sinceSeq=${before.seq}&resolution=${before.resolution}`)

    expect(before.series.w_estimate).toMatchObject({ x: [1, 2], last: [1.5, 1.25], bad: [0, 0] })
    expect(after.series.w_estimate).toMatchObject({ x: [3], last: ['NaN'], bad: [1], n: [0], mean: [null] })
  })

  test('an idle poll is a 304, until there is something new', async () => {
    const first = await poll()
    const etag = first.headers['etag'] ?? ''
    const idle = await poll('', { 'if-none-match': etag })
    expect(etag).toMatch(new RegExp(`^W/"${fence.jobId}:\\d+:`))
    expect([idle.statusCode, idle.body, idle.headers['etag']]).toEqual([304, '', etag])
    expect(first.headers['cache-control']).toBe('private, no-cache')

    // Another question is another entity.
    expect((await poll('?metrics=gen_loss', { 'if-none-match': etag })).statusCode).toBe(200)
    await appendPoints(rig.db, fence, [aPoint(4, 1)])
    expect((await poll('', { 'if-none-match': etag })).statusCode).toBe(200)
  })

  test('is compressed for who asks for it', async () => {
    await appendPoints(
      rig.db,
      fence,
      Array.from({ length: 300 }, (_, i) => aPoint(5 + i, Math.sin(i))),
    )
    const plain = await poll()
    const zipped = await poll('', { 'accept-encoding': 'gzip' })

    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(zipped.bytes).toString()).toBe(plain.body)
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 2)
  })
})

describe('samples and checkpoints', () => {
  const png = randomBytes(300_000)
  const tensors = randomBytes(2_000_000)
  let sample: Sample
  let checkpoint: Checkpoint
  beforeAll(async () => {
    await rig.store.put('tests/sample', png, { contentType: 'image/png', sha256: sha256(png) })
    sample = await addSample(rig.db, fence, {
      id: randomUUID(),
      step: 300,
      key: 'tests/sample',
      numImages: 64,
      columns: 8,
      tileSize: 32,
      padding: 2,
      channels: 1,
      sizeBytes: png.length,
      sha256: sha256(png),
    })
    checkpoint = await storeCheckpoint(300, 'tests/checkpoint', tensors)
  })

  test('are listed without their storage keys, and marked on the curve', async () => {
    const samples = replyOf('listSamples', await rig.ask({ url: `/jobs/${fence.jobId}/samples` }))
    const checkpoints = replyOf('listCheckpoints', await rig.ask({ url: `/jobs/${fence.jobId}/checkpoints?limit=1` }))
    const curve = replyOf('getCurve', await rig.ask({ url: `/jobs/${fence.jobId}/curve` })) as CurveReply

    expect(samples).toEqual({ items: [sample], nextCursor: null })
    expect(checkpoints).toEqual({ items: [checkpoint], nextCursor: null })
    expect(curve.marks.map((mark) => mark.type).toSorted()).toEqual(['checkpoint', 'sample'])
  })

  test.each([
    ['sample', () => sample, png, 'image/png', 'step-300.png'],
    ['checkpoint', () => checkpoint, tensors, 'application/octet-stream', 'step-300.safetensors'],
  ] as const)('S7: a %s arrives whole, hashed, and as a file', async (_, row, bytes, type, ending) => {
    const response = await rig.ask({ url: row().url, headers: { 'accept-encoding': 'gzip, br' } })

    expect(response.statusCode).toBe(200)
    expect(response.bytes.equals(bytes)).toBe(true)
    expect(response.headers).toMatchObject({
      'content-type': type,
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="${fence.jobId}-${ending}"`,
      'x-kantor-sha256': sha256(bytes),
      'repr-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, max-age=31536000, immutable',
    })
    expect(response.headers['content-encoding']).toBeUndefined()

    const again = await rig.ask({ url: row().url, headers: { 'if-none-match': response.headers['etag'] ?? '' } })
    expect([again.statusCode, again.bytes.length]).toEqual([304, 0])
  })

  test('damaged bytes never make a complete reply', async () => {
    for (const [step, size] of [
      [501, 1000],
      [502, 3_000_000],
    ] as const) {
      const damaged = await storeCheckpoint(step, `tests/damaged-${step}`, randomBytes(size))
      await writeFile(join(services.directory, `objects/objects/tests/damaged-${step}`), randomBytes(size))
      const ended = await rig.ask({ url: damaged.url }).then(
        (answer) => answer.statusCode,
        (error: Error) => error.message,
      )
      // Seen before the first byte went out, or after: then the connection breaks.
      expect([500, 'aborted', 'socket hang up']).toContain(ended)
    }
  })

  test('a checkpoint can be looked at, pinned and left again', async () => {
    const ask = (verb: '' | '/pin' | '/unpin') =>
      rig.ask({ method: verb === '' ? 'GET' : 'POST', url: `/checkpoints/${checkpoint.id}${verb}` })

    expect(replyOf('getCheckpoint', await ask(''))).toMatchObject({ id: checkpoint.id, pinned: false })
    expect(replyOf('pinCheckpoint', await ask('/pin'))).toMatchObject({ pinned: true })
    expect(replyOf('pinCheckpoint', await ask('/pin'))).toMatchObject({ pinned: true })
    expect(replyOf('unpinCheckpoint', await ask('/unpin'))).toMatchObject({ pinned: false })

    for (const verb of ['', '/pin'] as const) {
      const unknown = await rig.ask({
        method: verb === '' ? 'GET' : 'POST',
        url: `/checkpoints/${randomUUID()}${verb}`,
      })
      expect([unknown.statusCode, unknown.json()]).toEqual([404, expect.objectContaining({ code: 'not-found' })])
    }
  })

  test('a checkpoint that was put aside, and one whose object is gone, are not found', async () => {
    const aside = await storeCheckpoint(503, 'tests/aside', randomBytes(100))
    await quarantineCheckpoint(rig.db, fence, { id: aside.id, fault: 'it is damaged' })
    const gone = await storeCheckpoint(504, 'tests/gone', randomBytes(100))
    await rig.store.remove('tests/gone')

    for (const { url } of [aside, gone]) {
      const response = await rig.ask({ url })
      expect([response.statusCode, response.headers['content-disposition']]).toEqual([404, undefined])
      expect(response.body).not.toContain('tests/')
    }
  })
})

test('the end of a job changes the answer to an idle poll', async () => {
  const url = `/jobs/${fence.jobId}/curve`
  const etag = (await rig.ask({ url })).headers['etag'] ?? ''
  await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
  const last = await rig.ask({ url, headers: { 'if-none-match': etag } })

  expect((replyOf('getCurve', last) as CurveReply).complete).toBe(true)
})
