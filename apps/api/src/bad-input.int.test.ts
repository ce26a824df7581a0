import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { ErrorCode } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import type { Ask } from '../tests/http.js'
import { refused as refusedBy } from '../tests/refused.js'
import { aBody, openRig, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
let rowsBefore: number
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({
    databaseUrl: services.databaseUrl,
    directory: services.directory,
    deps: { bodyTimeoutMs: 5_000 },
  })
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

const refused = (request: Ask, status: number, code: ErrorCode) => refusedBy(rig, request, status, code)
const raw = (payload: string | Buffer, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  url: '/jobs',
  payload,
  headers: { 'content-type': 'application/json', ...headers },
})

describe('a body that is not JSON', () => {
  test.each([
    ['row 1: empty', '', 400, 'empty-body'],
    ['row 1: blank', '  \n', 400, 'empty-body'],
    ['row 2: cut off', '{"name": "x", ', 400, 'malformed-json'],
    ['row 2: with a comma too many', '{"name": "x",}', 400, 'malformed-json'],
    ['row 6: over 1 MiB', JSON.stringify({ notes: 'x'.repeat(1 << 20) }), 413, 'payload-too-large'],
    ['row 8: nested 100 000 deep', '['.repeat(100_000) + ']'.repeat(100_000), 422, 'too-complex'],
    ['row 9: of 50 000 keys', `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join()}}`, 422, 'too-complex'],
    ['row 10: with __proto__', '{"__proto__": {"admin": true}, "spec": {"dataset": "digits"}}', 400, 'malformed-json'],
    ['row 10: with constructor.prototype', '{"constructor": {"prototype": {"admin": true}}}', 400, 'malformed-json'],
    ['row 12: with a key twice', '{"spec": {"dataset": "digits", "seed": 1, "seed": 2}}', 400, 'duplicate-key'],
  ] as const)('%s', async (_, payload, status, code) => {
    await refused(raw(payload), status, code)

    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('row 2: malformed JSON says where', async () => {
    expect((await refused(raw('{"name": x}'), 400, 'malformed-json')).detail).toContain('at character 9')
  })

  test.each([
    ['a list', '[]', ''],
    ['null', 'null', ''],
    ['a number', '7', ''],
    ['an empty object', '{}', '/spec'],
  ])('row 3: %s instead of a job', async (_, payload, pointer) => {
    const problem = await refused(raw(payload), 422, 'validation-failed')

    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer])
  })

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonx', 'nonsense'])(
    'row 4: as %s',
    async (type) => {
      await refused(raw(JSON.stringify(aBody()), { 'content-type': type }), 415, 'unsupported-media-type')
    },
  )

  test('row 4: without a Content-Type', async () => {
    const payload = JSON.stringify(aBody())
    await refused({ method: 'POST', url: '/jobs', payload }, 415, 'unsupported-media-type')
    await refused({ method: 'POST', url: '/jobs' }, 400, 'empty-body')
  })

  // CVE-2026-33806, -25223 and -3419: a Content-Type that one part of the framework took for JSON and another did not went unvalidated.
  test.each([
    ' application/json',
    '\tapplication/json',
    'application/json x',
    'application/json\ta',
    'application/json,text/plain',
  ])('row 5: as %j, never unvalidated', async (type) => {
    const payload = JSON.stringify(aBody({ nonsense: 1 }))
    // White space at the ends is no part of a header's value, so it does not arrive.
    const lines = [
      `Content-Type:${type}`,
      `Authorization: Bearer ${await rig.key('submit')}`,
      `Content-Length: ${payload.length}`,
    ]
    const answer = await answerTo(
      `POST /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n${payload}`,
    )
    expect(answer).toMatch(type.trim() === 'application/json' ? /^HTTP\/1\.1 422 / : /^HTTP\/1\.1 415 /)
  })

  test('row 7: compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(8 << 20, 0x20))
    await refused(raw(bomb, { 'content-encoding': 'gzip' }), 415, 'unsupported-media-type')
  })

  test('row 10: a header named __proto__ is one header more', async () => {
    const answer = await answerTo(
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\n__proto__: admin\r\nConnection: close\r\n\r\n',
    )

    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test('row 13: bytes that are not UTF-8', async () => {
    await refused(raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400, 'invalid-encoding')
  })
})

describe('a path or query that leads nowhere', () => {
  test.each([
    ['row 45', 'GET', '/nothing', 404, 'not-found'],
    ['row 45', 'GET', '/jobs/../admin', 404, 'not-found'],
    ['row 45', 'GET', `/jobs/${unknownId}`, 404, 'not-found'],
    ['row 46', 'GET', '/jobs/42', 404, 'not-found'],
    ['row 46', 'GET', '/jobs/%2e%2e%2fadmin', 404, 'not-found'],
    ['row 46', 'GET', `/jobs/${unknownId};a=b`, 404, 'not-found'],
    ['row 46', 'GET', "/jobs/'%20OR%201=1", 404, 'not-found'],
    ['row 46', 'GET', '/jobs/%00', 404, 'not-found'],
    ['row 46', 'GET', '/jobs/%e0%a4', 404, 'not-found'],
    ['row 46', 'GET', `/jobs/${'x'.repeat(5000)}`, 404, 'not-found'],
    ['row 45', 'GET', `/jobs/${unknownId}/curve`, 404, 'not-found'],
    ['row 45', 'GET', `/jobs/${unknownId}/events`, 404, 'not-found'],
    ['row 45', 'GET', `/jobs/${unknownId}/samples`, 404, 'not-found'],
    ['row 45', 'GET', `/jobs/${unknownId}/checkpoints`, 404, 'not-found'],
    ['row 45', 'GET', `/samples/${unknownId}/download`, 404, 'not-found'],
    ['row 45', 'GET', `/checkpoints/${unknownId}/download`, 404, 'not-found'],
    ['row 45', 'POST', `/jobs/${unknownId}/cancel`, 404, 'not-found'],
    ['row 47', 'GET', '/jobs?limit=0', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?limit=1e9', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?limit=1&limit=2', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?state=runing', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?lmit=5', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?__proto__=5', 422, 'invalid-query'],
    ['row 47', 'GET', '/jobs?cursor=forged', 400, 'invalid-cursor'],
    ['row 47', 'GET', `/jobs?cursor=${'a'.repeat(10_000)}`, 422, 'invalid-query'],
    ['row 47', 'GET', '/datasets?x=1', 422, 'invalid-query'],
    ['row 47', 'GET', '/audit?target=a%00b', 422, 'invalid-query'],
    ['row 47', 'GET', `/jobs/${unknownId}/logs?after=-1`, 422, 'invalid-query'],
    ['row 47', 'GET', `/jobs/${unknownId}/curve?maxPoints=NaN`, 422, 'invalid-query'],
    ['row 47', 'GET', `/jobs/${unknownId}/curve?resolution=3`, 422, 'invalid-query'],
    ['row 47', 'GET', `/jobs/${unknownId}/curve?metrics=loss`, 422, 'invalid-query'],
    ['row 43', 'GET', '/jobs?api_key=secret', 400, 'credential-in-url'],
    ['row 43', 'GET', `/jobs?x=kantor_${'0'.repeat(16)}_${'1'.repeat(72)}`, 400, 'credential-in-url'],
    ['no row', 'DELETE', '/jobs', 405, 'method-not-allowed'],
    ['no row', 'PUT', `/jobs/${unknownId}`, 405, 'method-not-allowed'],
  ] as const)('%s: %s %s is %i', async (_, method, url, status, code) => {
    const problem = await refused({ method, url }, status, code)

    expect(JSON.stringify(problem)).not.toContain(`kantor_${'0'.repeat(16)}_1`)
  })

  test('row 46: what cannot be an id is not looked up', async () => {
    let queries = 0
    const count = () => void (queries += 1)
    const queriesFor = async (url: string) => {
      queries = 0
      expect((await rig.ask({ url })).statusCode).toBe(404)
      return queries
    }
    rig.db.pool.on('acquire', count)
    const nowhere = await queriesFor('/nothing/at/all')
    const [malformed, unknown] = [await queriesFor('/jobs/42'), await queriesFor(`/jobs/${unknownId}`)]
    rig.db.pool.off('acquire', count)

    // The key is looked up first.
    expect([nowhere, malformed, unknown]).toEqual([0, 1, expect.any(Number)])
    expect(unknown).toBeGreaterThan(1)
  })

  test('row 47: a query error names the parameter', async () => {
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
  test('row 6: a body without a length is cut off at the limit', async () => {
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
  })

  test('row 46: an id of 1 MB is a 414', async () => {
    expect(await answerTo(`GET /jobs/${'x'.repeat(1 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 414 .*application\/problem\+json/s,
    )
  })

  test('row 48: headers that are too long, or too many, are a 431', async () => {
    expect(
      await answerTo(`GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "${'y'.repeat(1 << 20)}"\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 431 .*application\/problem\+json/s)
    const headers = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-h${i}`, '1']))
    await refused({ url: '/jobs', headers }, 431, 'headers-too-large')
  })

  test.each([
    ['headers', ''],
    ['a body', 'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{'],
  ])('row 48: %s without an end: cut off with a 408', async (_, rest) => {
    const key = await rig.key('submit')
    const { server } = rig.app
    const { headersTimeout } = server
    expect(headersTimeout).toBe(30_000)
    Object.assign(server, { headersTimeout: 100 })
    const answer = await answerTo(`POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n${rest}`)
    Object.assign(server, { headersTimeout })

    expect(answer).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json.*Connection: close/s)
  })
})

test('row 56: going down it is a 503, and the connection closes', async () => {
  let isShuttingDown = false
  const { databaseUrl, directory } = services
  const going = await openRig({ databaseUrl, directory, deps: { isShuttingDown: () => isShuttingDown } })
  isShuttingDown = true
  const answer = await going.ask({ url: '/jobs' })
  await going.close()

  expect([answer.statusCode, answer.json()]).toEqual([503, expect.objectContaining({ code: 'shutting-down' })])
  expect(answer.headers).toMatchObject({ connection: 'close', 'retry-after': '5' })
})

test('row 42: a key without the scope is told which it has, and which it needs', async () => {
  const headers = { authorization: `Bearer ${await rig.key('read')}` }
  const problem = await refused({ method: 'POST', url: '/jobs', headers, payload: aBody() }, 403, 'insufficient-scope')

  expect(problem.detail).toBe('this needs a key of scope submit; this key has read')
})

test('row 34: names are not unique, so two equal ones are two jobs', async () => {
  const [one, two] = [await submit(rig), await submit(rig)]

  rowsBefore += 4
  expect(one.name).toBe(two.name)
  expect(one.id).not.toBe(two.id)
})
