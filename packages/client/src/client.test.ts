import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { AppError, type RouteName, routes } from '@kantor/contracts'
import { ClientError, createClient } from './index.js'

const id = '0198c0de-0000-7000-8000-000000000001'
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

/** A real server on loopback that answers everything with `answer` and remembers what it was asked. */
async function aServer(
  answer: (response: ServerResponse, request: Seen) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
      seen.push(one)
      answer(response, one)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closers.push(
    () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

const failure = (promise: Promise<unknown>): Promise<ClientError> =>
  promise.then(
    () => Promise.reject(new Error('it was accepted')),
    (error: ClientError) => error,
  )

describe('createClient', () => {
  test('what comes in another form than JSON is text, as it was sent', async () => {
    const csv = 'key,jobs\r\n"a, b",1\r\n'
    const { url } = await aServer((response, { url: path }) => {
      if (!path.includes('format=csv')) return void send(response, 200, { items: [] })
      response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end(csv)
    })
    const client = createClient({ url })

    const text: string = await client.getUsage({ query: { format: 'csv' } })
    expect(text).toBe(csv)
    expect(await client.getCurve({ params: { id }, query: { format: 'csv' } })).toBe(csv)
    const { items } = await client.getUsage({ query: { groupBy: ['key'] } })
    expect(items).toEqual([])
  })

  test('asks every route of the table by its method and path', async () => {
    const { url, seen } = await aServer((response) => send(response, 200, {}))
    const client = createClient({ url }) as unknown as Record<string, (request: object) => Promise<unknown>>

    for (const name of Object.keys(routes)) await client[name]!({ params: { id } })

    const expected = Object.keys(routes).map((name) => {
      const { method, path } = routes[name as RouteName]
      return `${method} ${path.replace(':id', id)}`
    })
    expect(seen.map((request) => `${request.method} ${request.url}`)).toEqual(expected)
  })

  test('sends the key, the body as JSON, and lists joined by commas', async () => {
    const { url, seen } = await aServer((response) => send(response, 200, { items: [], nextCursor: null }))
    const client = createClient({ url: `${url}/`, apiKey: 'secret' })

    await client.createJob({ body: { spec: { dataset: 'mnist', batchSize: 32 } }, idempotencyKey: 'once' })
    await client.listJobs({ query: { state: ['queued', 'running'], tag: ['a', '-b=1,2'], limit: 3 } })
    await client.getCurve({
      params: { id },
      query: { metrics: ['w_estimate', 'gen_loss'], sinceSeq: 7, smooth: 'median:101' },
    })

    expect(seen[0]!.headers['authorization']).toBe('Bearer secret')
    expect(seen[0]!.headers['content-type']).toBe('application/json')
    expect(seen[0]!.headers['idempotency-key']).toBe('once')
    expect(JSON.parse(seen[0]!.body)).toEqual({ spec: { dataset: 'mnist', batchSize: 32 } })
    expect(seen[1]!.url).toBe('/jobs?state=queued%2Crunning&tag=a&tag=-b%3D1%2C2&limit=3')
    expect(seen[2]!.url).toBe(`/jobs/${id}/curve?metrics=w_estimate%2Cgen_loss&sinceSeq=7&smooth=median%3A101`)
  })

  test('turns a problem document into an error with code, fields, states and the time to wait', async () => {
    const errors = [
      { pointer: '/spec/lr', code: 'unknown-property' as const, message: 'there is none', hint: 'did you mean …?' },
    ]
    const problem = new AppError('validation-failed', 'one field is wrong', {
      errors,
      currentState: 'failed',
      allowed: ['queued'],
    })
    const { url } = await aServer((response) =>
      send(response, 422, problem.toProblem('/jobs', 'r-1'), {
        'content-type': 'application/problem+json',
        'retry-after': '7',
      }),
    )

    const error = await failure(createClient({ url }).createJob({ body: { spec: { dataset: 'mnist' } } }))

    expect(error).toBeInstanceOf(ClientError)
    expect(error).toMatchObject({
      code: 'validation-failed',
      status: 422,
      detail: 'one field is wrong',
      errors,
      retryAfter: 7,
    })
    expect(error).toMatchObject({ requestId: 'r-1', currentState: 'failed', allowed: ['queued'], transient: false })
  })

  test.each([
    [401, 'unauthenticated', false],
    [404, 'bad-reply', false],
    [429, 'rate-limited', true],
    [502, 'dependency-unavailable', true],
  ])('says what a proxy’s plain %i means', async (status, code, transient) => {
    const { url } = await aServer((response) =>
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>no</h1>'),
    )

    expect(await failure(createClient({ url }).health())).toMatchObject({ code, status, transient })
  })

  test('says so when what answers is not the API', async () => {
    const { url } = await aServer((response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>'),
    )

    expect(await failure(createClient({ url }).listDatasets())).toMatchObject({ code: 'bad-reply' })
  })

  test('says so when nothing answers, with the address', async () => {
    const { url } = await aServer(() => {})
    for (const close of closers.splice(0)) await close()

    const error = await failure(createClient({ url }).health())

    expect(error).toMatchObject({ code: 'unreachable', status: 0, transient: true })
    expect(error.detail).toContain(url)
  })

  test('returns the report of /readyz though its status is 503', async () => {
    const report = { status: 'unavailable', checks: { database: 'down' } }
    const { url } = await aServer((response) => send(response, 503, report))

    expect(await createClient({ url }).ready()).toEqual(report)
  })

  test('rejects with the reason of an aborted signal', async () => {
    const { url } = await aServer(() => {})
    const stop = new AbortController()
    const reply = createClient({ url }).getJob({ params: { id }, signal: stop.signal })
    const reason = new Error('enough')
    stop.abort(reason)

    await expect(reply).rejects.toBe(reason)
  })

  test.each(['127.0.0.1:8420', 'ftp://host', 'https://'])('refuses the address %s', (url) => {
    expect(() => createClient({ url })).toThrow(/http:\/\//)
  })
})

describe('downloads', () => {
  const bytes = Buffer.from([0, 1, 2, 253, 254, 255])
  const digest = createHash('sha256').update(bytes)
  const base64 = digest.copy().digest('base64')
  const hex = digest.digest('hex')

  test.each([
    ['an ETag', { etag: `"${hex}"` }],
    ['a Repr-Digest', { 'repr-digest': `sha-256=:${base64}:` }],
    ['no digest at all', {}],
  ])('return the bytes when they agree with %s', async (_, headers: Record<string, string>) => {
    const { url } = await aServer((response) => response.writeHead(200, headers).end(bytes))

    expect(Buffer.from(await createClient({ url }).downloadCheckpoint({ params: { id } }))).toEqual(bytes)
  })

  test('are refused when the bytes are not the ones that were stated', async () => {
    const { url } = await aServer((response) => response.writeHead(200, { etag: `"${hex}"` }).end(bytes.subarray(1)))

    expect(await failure(createClient({ url }).downloadSample({ params: { id } }))).toMatchObject({
      code: 'corrupt-download',
    })
  })

  test('that break off are no success', async () => {
    const { url } = await aServer((response) => {
      response.writeHead(200, { 'content-length': '100' }).write(bytes)
      setImmediate(() => response.destroy())
    })

    expect(await failure(createClient({ url }).downloadSample({ params: { id } }))).toMatchObject({
      code: 'unreachable',
    })
  })
})
