import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Problem } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import type { Ask } from '../tests/http.js'
import { aBody, openRig, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
let rowsBefore: number
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})
beforeEach(async () => {
  rowsBefore = await rig.numRows()
})
// Whatever is refused in this file leaves nothing behind.
afterEach(async () => {
  expect(await rig.numRows()).toBe(rowsBefore)
})

/** A refusal: a problem of ours with this status and code, telling nothing of the inside. */
async function refused(request: Ask, status: number, code: string): Promise<Problem> {
  const response = await rig.ask(request)
  expect([response.statusCode, response.body]).toEqual([status, expect.anything()])
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  const problem = Problem.parse(response.json())
  expect(problem).toMatchObject({
    status,
    code,
    type: `/docs/errors#${code}`,
    requestId: response.headers['x-request-id'],
  })
  expect(response.body).not.toMatch(/node_modules|at .*\.ts|SELECT|prisma/i)
  return problem
}
const post = (payload: unknown): Ask => ({ method: 'POST', url: '/jobs', payload })
const raw = (payload: string | Buffer, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  url: '/jobs',
  payload,
  headers: { 'content-type': 'application/json', ...headers },
})
const pointers = (problem: Problem) => problem.errors?.map((error) => [error.pointer, error.code])

describe('a job that cannot be', () => {
  test('an unknown key is told with the nearest name', async () => {
    const problem = await refused(post(aBody({ spec: { dataset: 'digits', batchsize: 3 } })), 422, 'validation-failed')

    expect(problem.errors).toEqual([
      expect.objectContaining({
        pointer: '/spec/batchsize',
        code: 'unknown-property',
        hint: 'did you mean "batchSize"?',
      }),
    ])
    expect(problem.detail).toContain('/spec/batchsize')
  })

  test.each([
    ['text for a number', { batchSize: '64' }, '/spec/batchSize', 'wrong-type'],
    ['true for a number', { batchSize: true }, '/spec/batchSize', 'wrong-type'],
    ['null for an object', { model: null }, '/spec/model', 'wrong-type'],
    ['a fraction for a count', { batchSize: 2.5 }, '/spec/batchSize', 'out-of-range'],
    ['a seed below zero', { seed: -1 }, '/spec/seed', 'out-of-range'],
    ['a size that no pyramid reaches', { model: { imageSize: 63 } }, '/spec/model/imageSize', 'incompatible-shape'],
    ['a kind there is not', { optimizer: { kind: 'sgd' } }, '/spec/optimizer/kind', 'not-allowed'],
    ['an unknown dataset', { dataset: 'digitz' }, '/spec/dataset', 'dataset-not-found'],
    ['an unknown version', { dataset: `digits@${'0'.repeat(16)}` }, '/spec/dataset', 'dataset-not-found'],
    ['a path for a dataset', { dataset: '../../etc/passwd' }, '/spec/dataset', 'invalid-string'],
    ['a URL for a dataset', { dataset: 'file:///etc/passwd' }, '/spec/dataset', 'invalid-string'],
    ['a batch larger than the dataset', { batchSize: 1001 }, '/spec/batchSize', 'dataset-too-small'],
  ])('%s', async (_, change, pointer, code) => {
    const problem = await refused(post(aBody({ spec: { dataset: 'digits', ...change } })), 422, 'validation-failed')

    expect(pointers(problem)).toEqual([[pointer, code]])
  })

  test('an unknown dataset is answered with those there are', async () => {
    const problem = await refused(post(aBody({ spec: { dataset: 'digitz' } })), 422, 'validation-failed')

    expect(problem.errors?.[0]?.hint).toBe('did you mean "digits"? known: digits')
  })

  test('all errors come at once, the dataset among them', async () => {
    const spec = {
      dataset: 'nowhere',
      batchSize: '64',
      model: { imageSize: 48 },
      objective: { kind: 'wgan-clip', clip: 0 },
    }
    const problem = await refused(post({ nme: 'x', priority: 0, spec }), 422, 'validation-failed')

    expect(pointers(problem)?.toSorted()).toEqual([
      ['/nme', 'unknown-property'],
      ['/priority', 'out-of-range'],
      ['/spec/batchSize', 'wrong-type'],
      ['/spec/dataset', 'dataset-not-found'],
      ['/spec/model/imageSize', 'incompatible-shape'],
      ['/spec/objective/clip', 'out-of-range'],
    ])
  })

  test.each([
    ['a list', '[]', ''],
    ['null', 'null', ''],
    ['a number', '7', ''],
    ['an empty object', '{}', '/spec'],
  ])('%s instead of a job', async (_, payload, pointer) => {
    const problem = await refused(raw(payload), 422, 'validation-failed')

    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer])
  })

  test.each([
    ['NUL', 'a\u0000b', 'invalid-string'],
    ['a lone surrogate', 'a\ud800b', 'invalid-string'],
    ['a bidirectional override', 'a\u202eb', 'invalid-string'],
    ['ten thousand characters', 'x'.repeat(10_000), 'too-long'],
  ])('a name with %s', async (_, name, code) => {
    const problem = await refused(post(aBody({ name })), 422, 'validation-failed')

    expect(pointers(problem)).toEqual([['/name', code]])
    expect(JSON.stringify(problem).length).toBeLessThan(1000)
  })
})

describe('a body that is not JSON', () => {
  test.each([
    ['cut off', '{"name": "x", ', 400, 'malformed-json'],
    ['with a comma too many', '{"name": "x",}', 400, 'malformed-json'],
    ['empty', '', 400, 'empty-body'],
    ['blank', '  \n', 400, 'empty-body'],
    ['with a key twice', '{"spec": {"dataset": "digits", "seed": 1, "seed": 2}}', 400, 'duplicate-key'],
    ['with __proto__', '{"__proto__": {"admin": true}, "spec": {"dataset": "digits"}}', 400, 'malformed-json'],
    ['with constructor.prototype', '{"constructor": {"prototype": {"admin": true}}}', 400, 'malformed-json'],
    ['nested 100 000 deep', '['.repeat(100_000) + ']'.repeat(100_000), 422, 'too-complex'],
    ['of 50 000 keys', `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join()}}`, 422, 'too-complex'],
    ['over 1 MiB', JSON.stringify({ notes: 'x'.repeat(1 << 20) }), 413, 'payload-too-large'],
  ])('%s', async (_, payload, status, code) => {
    await refused(raw(payload), status, code)

    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('malformed JSON says where', async () => {
    expect((await refused(raw('{"name": x}'), 400, 'malformed-json')).detail).toContain('at character 9')
  })

  test('bytes that are not UTF-8', async () => {
    await refused(raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400, 'invalid-encoding')
  })

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonx', 'nonsense'])(
    'as %s',
    async (type) => {
      await refused(raw(JSON.stringify(aBody()), { 'content-type': type }), 415, 'unsupported-media-type')
    },
  )

  test('compressed', async () => {
    await refused(raw(JSON.stringify(aBody()), { 'content-encoding': 'gzip' }), 415, 'unsupported-media-type')
  })

  test('no body and no type', async () => {
    await refused({ method: 'POST', url: '/jobs' }, 400, 'empty-body')
  })
})

describe('a path or query that leads nowhere', () => {
  test.each([
    ['GET', '/nothing', 404, 'not-found'],
    ['GET', '/jobs/../admin', 404, 'not-found'],
    ['GET', `/jobs/${unknownId}`, 404, 'not-found'],
    ['GET', '/jobs/42', 404, 'not-found'],
    ['GET', "/jobs/'%20OR%201=1", 404, 'not-found'],
    ['GET', '/jobs/%00', 404, 'not-found'],
    ['GET', '/jobs/%e0%a4', 404, 'not-found'],
    ['GET', `/jobs/${'x'.repeat(5000)}`, 404, 'not-found'],
    ['GET', `/jobs/${unknownId}/curve`, 404, 'not-found'],
    ['GET', `/jobs/${unknownId}/events`, 404, 'not-found'],
    ['GET', `/jobs/${unknownId}/samples`, 404, 'not-found'],
    ['GET', `/jobs/${unknownId}/checkpoints`, 404, 'not-found'],
    ['GET', `/samples/${unknownId}/download`, 404, 'not-found'],
    ['GET', `/checkpoints/${unknownId}/download`, 404, 'not-found'],
    ['POST', `/jobs/${unknownId}/cancel`, 404, 'not-found'],
    ['GET', '/jobs?limit=0', 422, 'invalid-query'],
    ['GET', '/jobs?limit=1e9', 422, 'invalid-query'],
    ['GET', '/jobs?limit=1&limit=2', 422, 'invalid-query'],
    ['GET', '/jobs?state=runing', 422, 'invalid-query'],
    ['GET', '/jobs?lmit=5', 422, 'invalid-query'],
    ['GET', '/jobs?__proto__=5', 422, 'invalid-query'],
    ['GET', '/jobs?cursor=forged', 400, 'invalid-cursor'],
    ['GET', '/datasets?x=1', 422, 'invalid-query'],
    ['GET', `/jobs/${unknownId}/curve?maxPoints=NaN`, 422, 'invalid-query'],
    ['GET', `/jobs/${unknownId}/curve?resolution=3`, 422, 'invalid-query'],
    ['GET', `/jobs/${unknownId}/curve?metrics=loss`, 422, 'invalid-query'],
    ['GET', '/jobs?api_key=secret', 400, 'credential-in-url'],
    ['GET', `/jobs?x=kantor_${'0'.repeat(16)}_${'1'.repeat(72)}`, 400, 'credential-in-url'],
    ['DELETE', '/jobs', 405, 'method-not-allowed'],
    ['PUT', `/jobs/${unknownId}`, 405, 'method-not-allowed'],
  ] as const)('%s %s is %i', async (method, url, status, code) => {
    const problem = await refused({ method, url }, status, code)

    expect(JSON.stringify(problem)).not.toContain(`kantor_${'0'.repeat(16)}_1`)
  })

  test('a query error names the parameter', async () => {
    const problem = await refused({ method: 'GET', url: '/jobs?limit=0&lmit=5' }, 422, 'invalid-query')

    expect(problem.errors).toEqual([
      expect.objectContaining({ pointer: 'limit', code: 'out-of-range' }),
      expect.objectContaining({ pointer: 'lmit', code: 'unknown-property', hint: 'did you mean "limit"?' }),
    ])
  })

  test('a wrong method lists the right ones', async () => {
    const response = await rig.ask({ method: 'DELETE', url: '/jobs' })

    expect(response.headers.allow?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST'])
  })
})

test('a refused request tells nothing that it was not told, and keeps a sane request id', async () => {
  const given = await rig.ask({ method: 'GET', url: '/nothing', headers: { 'x-request-id': 'trace-1' } })
  const insane = await rig.ask({ method: 'GET', url: '/nothing', headers: { 'x-request-id': 'a b\tc' } })

  expect(given.headers['x-request-id']).toBe('trace-1')
  expect(insane.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
})

/** Everything that comes back for these bytes. */
const answerTo = (text: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(rig.port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.on('data', (chunk) => (got += chunk.toString()))
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
  })

describe('bytes on a socket', () => {
  test('a body without a length is cut off at the limit', async () => {
    const key = await rig.key('submit')
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        {
          port: rig.port,
          path: '/jobs',
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        },
        (response) => {
          response.resume()
          resolve(response.statusCode)
          request.destroy()
        },
      )
      request.on('error', reject)
      request.write(`{"notes": "${'x'.repeat(3 << 20)}`)
    })

    expect(status).toBe(413)
  })

  test('what is not HTTP gets a problem too', async () => {
    expect(await answerTo('this is not http\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json/s)
    expect(await answerTo(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'y'.repeat(100_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 .*application\/problem\+json/s,
    )
  })
})

test('the same body without its faults is taken', async () => {
  const job = await submit(rig)

  rowsBefore += 2
  expect(job.state).toBe('queued')
})
