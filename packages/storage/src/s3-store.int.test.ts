import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Proxy, startConditionalWrites, startFauxqs, startMoto, startProxy, throughProxy } from '@kantor/testing'
import { describeStorage } from './conformance.js'
import type { ObjectStore } from './object-store.js'
import { openStore } from './open-store.js'

const body = new TextEncoder().encode('content')
const options = { contentType: 'text/plain', sha256: createHash('sha256').update(body).digest('hex') }
const directory = '/nonexistent'

// Module level: which suites exist must be known before the tests run.
const fauxqs = await startFauxqs()
const moto = await startMoto()
const conditional = await startConditionalWrites(fauxqs.settings.endpoint)
afterAll(async () => {
  await conditional.stop()
  await fauxqs.stop()
  await moto?.stop()
})

describeStorage('S3 (fauxqs, no conditional writes)', () => openStore({ s3: fauxqs.settings, directory }), {
  atomicCreate: false,
})
describeStorage('S3 (fauxqs behind conditional writes)', () =>
  openStore({ s3: { ...fauxqs.settings, endpoint: conditional.endpoint }, directory }),
)
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
  const open = () => openStore({ s3: { ...fauxqs.settings, endpoint }, directory })

  test('one that ignores If-None-Match is warned of', async () => {
    answers = {}
    const warnings: string[] = []

    const store = await openStore({
      s3: { ...fauxqs.settings, endpoint },
      directory,
      warn: (message) => void warnings.push(message),
    })

    expect(warnings).toEqual([expect.stringContaining('If-None-Match')])
    await store.close()
  })

  test('refused credentials are named as such', async () => {
    answers = { HEAD: 403, PUT: 403 }

    await expect(open()).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringContaining('refuses the credentials'),
    })
  })

  test('a missing bucket that cannot be created is named', async () => {
    answers = { HEAD: 404, PUT: 403 }

    await expect(open()).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringContaining('has no bucket kantor-test'),
    })
  })
})
