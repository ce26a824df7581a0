import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Checkpoint, CurveReply, CurvesReply, Sample } from '@kantor/contracts'
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
import { aBody, aPoint, claim, openRig, replyOf, type Rig, sha256, submit } from '../tests/rig.js'

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

describe('curves as text, and of many jobs', () => {
  test('CSV and NDJSON hold what the JSON holds, non-finite values by name and by kind', async () => {
    const other = await claim(rig.db, await submit(rig))
    await appendPoints(
      rig.db,
      other,
      [1, NaN, Infinity, -Infinity].map((value, i) => aPoint(i + 1, value)),
    )
    const url = `/jobs/${other.jobId}/curve?metrics=w_estimate&x=critic_step&smooth=median:3`
    const csv = await rig.ask({ url: `${url}&format=csv` })
    const ndjson = await rig.ask({ url: `${url}&format=ndjson` })

    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(csv.body.split('\r\n')).toEqual([
      'series,attempt,x,last,min,max,mean,n,bad,nan,posInf,negInf,smooth,at,floor',
      'w_estimate,,1,1,1,1,1,1,0,0,0,0,1,5,',
      'w_estimate,,2,NaN,,,,0,1,1,0,0,1,10,',
      'w_estimate,,3,Infinity,,,,0,1,0,1,0,,15,',
      'w_estimate,,4,-Infinity,,,,0,1,0,0,1,,20,',
      '',
    ])
    expect(ndjson.headers['content-type']).toMatch('application/x-ndjson')
    const lines = ndjson.body.trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { last: unknown }).last)).toEqual([
      1,
      'NaN',
      'Infinity',
      '-Infinity',
    ])
  })

  test('a finished job may be kept by a browser for minutes, a live one and what evaluations add never', async () => {
    const over = await claim(rig.db, await submit(rig))
    await markRunning(rig.db, over)
    const look = (query = '') => rig.ask({ url: `/jobs/${over.jobId}/curve${query}` })
    const before = await look()
    await finishAttempt(rig.db, over, { to: 'failed', reason: 'trainer_error' })
    const after = await look()

    expect(before.headers['cache-control']).toBe('private, no-cache')
    expect(after.headers['cache-control']).toBe('private, max-age=300, immutable')
    expect(after.headers['etag']).not.toBe(before.headers['etag'])
    const quality = await look('?metrics=w_estimate,metric.fid_random')
    expect(quality.headers['cache-control']).toBe('private, no-cache')
  })

  test('many curves share a resolution; those that cannot be compared are refused with the keys that differ', async () => {
    const [short, long] = [await claim(rig.db, await submit(rig)), await claim(rig.db, await submit(rig))]
    const clipped = await submit(rig, { spec: { ...aBody().spec, objective: { kind: 'wgan-clip', clip: 0.02 } } })
    for (const [on, length] of [[short, 10] as const, [long, 1000] as const]) {
      await appendPoints(
        rig.db,
        on,
        Array.from({ length }, (_, i) => aPoint(i + 1, -(i + 2))),
      )
    }
    const ask = (payload: object) => rig.ask({ method: 'POST', url: '/curves/query', payload })

    const both = await ask({ jobIds: [short.jobId, long.jobId], maxPoints: 100, normalize: 'first' })
    const { resolution, items } = replyOf('queryCurves', both) as CurvesReply
    expect(resolution).toBe(16)
    expect(items.map((item) => item.series.w_estimate?.x.length)).toEqual([1, 63])
    expect(items[0]).toMatchObject({
      scale: { w_estimate: 6.5 },
      series: { w_estimate: { mean: [-1], min: [-11 / 6.5] } },
    })
    await appendPoints(rig.db, short, [
      { ...aPoint(11, -3), diagnostics: { slope_between: 2 } },
      { ...aPoint(12, -3), diagnostics: { slope_between: 4 } },
    ])
    const sloped = await ask({ jobIds: [short.jobId, long.jobId], normalize: 'gradnorm', from: 11 })
    expect((replyOf('queryCurves', sloped) as CurvesReply).items).toMatchObject([
      { scale: { w_estimate: 3 }, series: { w_estimate: { max: [-1, -1] } } },
      { scale: { w_estimate: null } },
    ])
    expect(Object.keys((replyOf('queryCurves', sloped) as CurvesReply).items[0]!.series)).toEqual(['w_estimate'])
    const refused = await ask({ jobIds: [short.jobId, clipped.id] })
    expect(refused.statusCode).toBe(422)
    expect(refused.json()).toMatchObject({
      code: 'not-comparable',
      errors: [{ pointer: '/jobIds/1', message: expect.stringContaining('objective/clip') }],
    })
    expect((await ask({ jobIds: [short.jobId, clipped.id], requireComparable: false })).statusCode).toBe(200)
    expect((await ask({ jobIds: [randomUUID()] })).statusCode).toBe(404)
    expect((await ask({ jobIds: [short.jobId, short.jobId] })).statusCode).toBe(422)
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

  test('coordinates are told of a sample of points, a missing number as null; of images there are none', async () => {
    const row = await addSample(rig.db, fence, {
      ...sample,
      id: randomUUID(),
      step: 299,
      key: 'tests/scatter',
      points: { dimensions: 2, coordinates: Float32Array.of(1, -0.5, Number.NaN, 4) },
    })
    const coordinatesOf = (id: string) => rig.ask({ url: `/samples/${id}/points` })

    expect(row.points).toEqual({ count: 2, dimensions: 2 })
    expect(replyOf('getSamplePoints', await coordinatesOf(row.id))).toEqual({
      dimensions: 2,
      points: [
        [1, -0.5],
        [null, 4],
      ],
    })
    expect((await coordinatesOf(sample.id)).statusCode).toBe(404)
    await rig.db.prisma.sample.delete({ where: { id: row.id } })
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
