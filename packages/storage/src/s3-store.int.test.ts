import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Proxy, startFauxqs, startMoto, startProxy, startS3Faults, throughProxy } from '@kantor/testing'
import { describeStorage } from './conformance.js'
import type { ObjectStore } from './object-store.js'
import { openStore } from './open-store.js'

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const body = new TextEncoder().encode('content')
const options = { contentType: 'text/plain', sha256: sha256Of(body) }
const directory = '/nonexistent'

// Module level: which suites exist must be known before the tests run.
const fauxqs = await startFauxqs()
const moto = await startMoto()
afterAll(async () => {
  await fauxqs.stop()
  await moto?.stop()
})

describeStorage('S3 (fauxqs, no conditional writes)', () => openStore({ s3: fauxqs.bare, directory }), {
  atomicCreate: false,
})
describeStorage('S3 (fauxqs behind conditional writes)', () => openStore({ s3: fauxqs.settings, directory }))
if (moto) describeStorage('S3 (moto)', () => openStore({ s3: moto.settings, directory }))

describe('S3 store in an outage', () => {
  let proxy: Proxy
  let store: ObjectStore
  beforeAll(async () => {
    const { endpoint } = fauxqs.settings
    proxy = await startProxy(Number(new URL(endpoint).port))
    store = await openStore({ s3: { ...fauxqs.settings, endpoint: throughProxy(endpoint, proxy) }, directory })
    await store.put('outage/before', body, options)
  })
  afterAll(async () => {
    await proxy.stop()
    await store.close()
  })

  test('every call is dependency-unavailable, and works again afterwards', async () => {
    const unavailable = { code: 'dependency-unavailable', detail: expect.stringContaining('127.0.0.1') }
    await proxy.cut()

    await Promise.all([
      expect(store.put('outage/during', body, options)).rejects.toMatchObject(unavailable),
      expect(store.get('outage/before')).rejects.toMatchObject(unavailable),
      expect(store.getBytes('outage/before')).rejects.toMatchObject(unavailable),
      expect(store.head('outage/before')).rejects.toMatchObject(unavailable),
      expect(store.remove('outage/before')).rejects.toMatchObject(unavailable),
      expect(store.list('outage/')[Symbol.asyncIterator]().next()).rejects.toMatchObject(unavailable),
      expect(store.ping()).rejects.toMatchObject(unavailable),
    ])
    await proxy.mend()

    await store.put('outage/during', body, options)
    expect(await store.head('outage/before')).toEqual({ sizeBytes: body.byteLength })
  })

  test('a put that is cut while it is retried still ends with one whole object', async () => {
    await proxy.cut()
    const put = store.put('outage/retried', body, options)
    await proxy.mend()
    await put

    expect(Buffer.from(await store.getBytes('outage/retried'))).toEqual(Buffer.from(body))
  })
})

describe.each(Object.entries({ fauxqs, ...(moto && { moto }) }))('%s behind a wire that flips a bit', (name, s3) => {
  test.each([
    ['in one request', 1 << 20],
    ['in parts', 9 << 20],
  ])(
    'F24: an object sent %s is not believed and not there, and goes through when the wire is mended',
    async (how, size) => {
      const wire = await startS3Faults(s3.settings.endpoint)
      const store = await openStore({ s3: { ...s3.settings, endpoint: wire.endpoint }, directory })
      const bytes = new Uint8Array(size).fill(7)
      const key = `jobs/${how.replaceAll(' ', '-')}/checkpoints/${name}`
      const put = () => store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256Of(bytes) })

      wire.commit({ kind: 'flip', way: 'in' })
      await expect(put()).rejects.toMatchObject({
        code: 'dependency-unavailable',
        detail: expect.stringContaining('kept other bytes'),
      })
      expect(wire.met).toBeGreaterThan(0)
      wire.commit(null)

      expect(await store.head(key)).toBeNull()
      await put()
      expect(sha256Of(await store.getBytes(key))).toBe(sha256Of(bytes))
      await store.close()
      await wire.stop()
    },
  )
})

test('F23: a download that breaks off half-way is asked for again, and is an outage when it never comes whole', async () => {
  const wire = await startS3Faults(fauxqs.settings.endpoint)
  const store = await openStore({ s3: { ...fauxqs.settings, endpoint: wire.endpoint }, directory })
  const bytes = new Uint8Array(1 << 20).fill(7)
  const key = 'jobs/x/checkpoints/long'
  await store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256Of(bytes) })

  wire.commit({ kind: 'reset' })
  await expect(store.getBytes(key)).rejects.toMatchObject({ code: 'dependency-unavailable' })
  expect(wire.met).toBe(3)
  wire.commit({ kind: 'reset' })
  const reading = store.getBytes(key)
  while (wire.met === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  wire.commit(null)

  expect(sha256Of(await reading)).toBe(sha256Of(bytes))
  await store.close()
  await wire.stop()
})

test('F24: what an earlier put left damaged under our name, its answer lost, is not taken for the object', async () => {
  const { endpoint, bucket, region, ...credentials } = fauxqs.settings
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  const Key = 'jobs/x/checkpoints/damaged'
  const Body = Buffer.from(body)
  Body[0]! ^= 1
  await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, Metadata: { sha256: options.sha256 } }))
  const store = await openStore({ s3: fauxqs.settings, directory })

  await store.put(Key, body, options)

  expect(Buffer.from(await store.getBytes(Key))).toEqual(Buffer.from(body))
  client.destroy()
  await store.close()
})

const endsUploads = async (settings: typeof fauxqs.settings) => {
  const { endpoint, bucket, region, ...credentials } = settings
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  const store = await openStore({ s3: settings, directory })
  const unfinished = async () => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
    return Uploads.map(({ Key }) => Key)
  }
  await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'jobs/x/checkpoints/half' }))
  expect(await unfinished()).toEqual(['jobs/x/checkpoints/half'])

  // The server dates every upload to 2010.
  expect(await store.removeUnfinished(new Date(0))).toBe(0)
  expect(await store.removeUnfinished(new Date(Date.now() - 86_400_000))).toBe(1)

  expect(await unfinished()).toEqual([])
  client.destroy()
  await store.close()
}
if (moto) {
  test('E2: a server that knows no such key says so, and what to mend', async () => {
    const strict = await startMoto({ checksKeys: true })
    await expect(openStore({ s3: strict!.settings, directory })).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringMatching(/knows no such key; mend S3_ACCESS_KEY_ID/),
    })
    await strict!.stop()
  })
}
// fauxqs lists no uploads.
if (moto) test('F22: an upload in parts that nobody finishes is ended by its age', () => endsUploads(moto.settings))

describe('S3 servers that will not do', () => {
  let server: Server
  let endpoint = ''
  let answers: Record<string, number> = {}
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(answers[request.method ?? ''] ?? 200, { 'content-length': '0' }).end())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  })
  afterAll(() => void server.close())
  const open = (warn?: (message: string) => void) =>
    openStore({ s3: { ...fauxqs.settings, endpoint }, directory, warn })

  test.each([
    ['ignores If-None-Match', {}],
    ['answers the header with 400', { PUT: 400 }],
    ['answers the header with 501', { PUT: 501 }],
  ])('F25: one that %s is used with a look before each put, and warned of', async (_what, answering) => {
    answers = answering
    const warnings: string[] = []

    const store = await open((message) => void warnings.push(message))

    expect(warnings).toEqual([expect.stringMatching(/ignores "If-None-Match.*look first/)])
    await store.close()
  })

  const refusing = (code: number, name: string, more = '', headers: Record<string, string> = {}) => {
    server.removeAllListeners('request')
    server.on('request', (request, response) => {
      request.resume()
      const xml = request.method === 'HEAD' ? '' : `<Error><Code>${name}</Code><Message>no</Message>${more}</Error>`
      const about = { 'content-type': 'application/xml', 'content-length': String(xml.length), ...headers }
      request.on('end', () => response.writeHead(code, about).end(xml))
    })
  }

  // A HEAD is answered without a reason: these are S3's own codes, as a GET tells them.
  test.each([
    [403, 'AccessDenied', '', /refuses the credentials for bucket kantor-test: allow them s3:ListBucket/],
    [403, 'InvalidAccessKeyId', '', /mend S3_ACCESS_KEY_ID/],
    [403, 'SignatureDoesNotMatch', '', /S3_SECRET_ACCESS_KEY is not the secret of S3_ACCESS_KEY_ID/],
    [400, 'AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>', /another region .* set S3_REGION=eu-west-1/],
    [301, 'PermanentRedirect', '', /another region .* set S3_REGION=eu-north-1/],
    [403, 'SomethingNew', '', /refuses the credentials for bucket kantor-test \(403 SomethingNew\)/],
  ])('E2: %i %s comes with its remedy', async (status, name, more, remedy) => {
    refusing(status, name, more, { 'x-amz-bucket-region': 'eu-north-1' })

    await expect(open()).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringMatching(remedy),
    })
  })

  test('E2: a clock that differs is set right for the request where the server tells the time, and named where it does not', async () => {
    const skewMs = 3_600_000
    const dates: number[] = []
    const answer = (tellsTime: boolean) => {
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        request.resume()
        const given = String(request.headers['x-amz-date']).replace(
          /(....)(..)(..)T(..)(..)(..)Z/,
          '$1-$2-$3T$4:$5:$6Z',
        )
        dates.push(Date.parse(given))
        const late = Math.abs(Date.parse(given) - Date.now() - skewMs) > 900_000
        const xml = late && request.method !== 'HEAD' ? '<Error><Code>RequestTimeTooSkewed</Code></Error>' : ''
        response.sendDate = false
        if (tellsTime) response.setHeader('date', new Date(Date.now() + skewMs).toUTCString())
        const about = { 'content-type': 'application/xml', 'content-length': String(xml.length) }
        request.on('end', () => response.writeHead(late ? 403 : 200, about).end(xml))
      })
    }

    answer(false)
    await expect(open()).rejects.toMatchObject({ detail: expect.stringMatching(/clocks differ .*timedatectl/) })
    answer(true)
    await (await open()).close()
    expect(Math.max(...dates) - Math.min(...dates)).toBeGreaterThan(skewMs / 2)
  })

  test('E2: a missing bucket that cannot be created is named', async () => {
    server.removeAllListeners('request')
    server.on('request', (request, response) => {
      request.resume()
      const xml = '<Error><Code>AccessDenied</Code></Error>'
      const status = request.method === 'HEAD' ? 404 : 403
      request.on('end', () =>
        response.writeHead(status, { 'content-type': 'application/xml' }).end(status === 404 ? '' : xml),
      )
    })

    await expect(open()).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringMatching(
        /has no bucket kantor-test and it could not be created \(AccessDenied\): create it/,
      ),
    })
  })

  test('F24: one that acknowledges an object and keeps half of it is not believed', async () => {
    const kept = { numBytes: 0, numRemoved: 0 }
    server.removeAllListeners('request')
    server.on('request', (request, response) => {
      request.resume()
      request.on('end', () => {
        const probing = request.url?.includes('kantor-probe')
        const isPut = request.method === 'PUT'
        if (probing && isPut) return response.writeHead(412, { 'content-length': '0' }).end()
        if (request.method === 'DELETE') {
          kept.numRemoved += 1
          return response.writeHead(204).end()
        }
        if (isPut) kept.numBytes = Math.floor(body.byteLength / 2)
        const isThere = request.method !== 'HEAD' || kept.numBytes > 0 || !request.url?.includes('half')
        return response.writeHead(isThere ? 200 : 404, { 'content-length': String(isPut ? 0 : kept.numBytes) }).end()
      })
    })
    const store = await open()

    await expect(store.put('half/object', body, options)).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringMatching(/acknowledged half\/object and kept 3 of 7 bytes/),
    })

    expect(kept.numRemoved).toBe(1)
    await store.close()
  })
})
