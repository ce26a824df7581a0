import { networkInterfaces } from 'node:os'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Scope, routes } from '@kantor/contracts'
import { createKey, revokeKey } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import type { RouteOptions } from 'fastify'
import { aBody, openRig, type Rig, unknownId } from '../tests/rig.js'

let services: Services
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
})
afterAll(() => services.stop())

/** Everything that answers without a key: nothing under these holds data. */
const isPublic = (method: string, url: string) =>
  `${method} ${url}` === 'POST /session' ||
  ['/healthz', '/readyz', '/openapi.json', '/docs', '/', '/ui'].includes(url) ||
  /^\/(docs|ui)\//.test(url)

const reaches = (status: number) => [200, 400, 404].includes(status)

const registered: { method: string; url: string }[] = []
const onRoute = (route: RouteOptions) => {
  for (const method of [route.method].flat()) registered.push({ method, url: route.url })
}

describe('with keys', () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory, deps: { onRoute } })
  })
  afterAll(() => rig.close())

  test('S1: every registered route but the public ones answers 401 without a key', async () => {
    expect(registered.length).toBeGreaterThan(20)
    for (const { method, url } of registered) {
      const path = url.replaceAll(/:\w+/g, unknownId).replace('*', 'index.html')
      const response = await rig.askBare({ method, url: path })
      if (isPublic(method, url)) expect([method, url, response.statusCode]).not.toEqual([method, url, 401])
      else expect([method, url, response.statusCode]).toEqual([method, url, 401])
    }
  })

  test('S1: every route of the table is registered, with its scope guarded', async () => {
    const keys: Record<Scope, string> = {
      read: await rig.key('read'),
      submit: await rig.key('submit'),
      admin: await rig.key('admin'),
    }
    for (const { method, path, scope } of Object.values(routes)) {
      expect(registered).toContainEqual({ method, url: path })
      if (scope === 'submit' || scope === 'admin') {
        const url = path.replaceAll(/:\w+/g, unknownId)
        const ask = (key: string) =>
          rig.askBare({ method, url, headers: { authorization: `Bearer ${key}` } }).then((reply) => reply.statusCode)
        expect([path, await ask(keys.read)]).toEqual([path, 403])
        if (scope === 'admin') expect([path, await ask(keys.submit)]).toEqual([path, 403])
        else expect([path, reaches(await ask(keys.submit))]).toEqual([path, true])
        expect([path, reaches(await ask(keys.admin))]).toEqual([path, true])
      }
    }
  })

  test('S3: rows 39, 40, 41: absent, malformed, unknown and revoked keys get one and the same answer', async () => {
    const revoked = await createKey(rig.db, { name: 'gone', scope: 'admin' })
    await revokeKey(rig.db, revoked.id)
    const expired = await createKey(rig.db, { name: 'old', scope: 'admin', expiresAt: new Date(Date.now() - 1000) })
    const good = await rig.key('admin')
    const headers: Record<string, string>[] = [
      {},
      { authorization: 'Bearer' },
      { authorization: 'Basic YTpi' },
      { authorization: `Bearer ${good.slice(0, -1)}x` },
      { authorization: `Bearer kantor_${'0'.repeat(16)}_${'0'.repeat(72)}` },
      { authorization: `Bearer ${revoked.key}` },
      { authorization: `Bearer ${expired.key}` },
    ]

    const bodies = new Set<string>()
    const heads = new Set<string>()
    for (const header of headers) {
      const response = await rig.askBare({ url: '/jobs', headers: { ...header, 'x-request-id': 'same' } })
      expect(response.statusCode).toBe(401)
      expect(response.headers['www-authenticate']).toMatch(/^Bearer/)
      bodies.add(response.body)
      const { date: _, ...head } = response.headers
      heads.add(JSON.stringify(head))
    }
    expect([bodies.size, heads.size]).toEqual([1, 1])
  })

  test('S3: how long a refusal takes does not tell how much of a key was right', async () => {
    const good = await rig.key('admin')
    const wrongAt = (place: number) => {
      const body = good.slice(0, -8)
      const changed = body.slice(0, place) + (body[place] === '0' ? '1' : '0') + body.slice(place + 1)
      return changed + crc32(changed).toString(16).padStart(8, '0')
    }
    const wrong = { id: wrongAt(7), first: wrongAt(24), last: wrongAt(good.length - 9) }
    const times = { id: [] as number[], first: [] as number[], last: [] as number[] }
    for (let round = 0; round < 300; round += 1) {
      for (const kind of ['id', 'first', 'last'] as const) {
        const begin = performance.now()
        const { statusCode } = await rig.askBare({
          url: '/session',
          headers: { authorization: `Bearer ${wrong[kind]}` },
        })
        times[kind].push(performance.now() - begin)
        expect(statusCode).toBe(401)
      }
    }

    // Side by side, so a machine that slows down slows all of them; a second look at anything would be half as long again.
    const medians = Object.values(times).map((list) => list.toSorted((a, b) => a - b)[list.length / 2]!)
    expect(Math.max(...medians) / Math.min(...medians)).toBeLessThan(1.4)
  })

  test('a key works from the moment it is made, and its name is the actor of the events', async () => {
    const key = await rig.key('submit')
    const headers = { authorization: `bearer ${key}` }
    const made = await rig.askBare({ method: 'POST', url: '/jobs', headers, payload: aBody() })
    const events = await rig.askBare({ url: `${made.headers.location}/events`, headers })

    expect(made.statusCode).toBe(201)
    expect(events.json()).toMatchObject({ items: [{ actor: 'submit key' }] })
  })

  test('a page of another site may use a key that it was given', async () => {
    const headers = { authorization: `Bearer ${await rig.key('submit')}`, origin: 'https://lab.example' }

    expect((await rig.askBare({ method: 'POST', url: '/jobs', headers, payload: aBody() })).statusCode).toBe(201)
  })
})

describe('without keys', () => {
  let rig: Rig
  beforeAll(async () => {
    const databaseUrl = await services.createDatabase()
    rig = await openRig({ databaseUrl, directory: services.directory, withKeys: false })
  })
  afterAll(() => rig.close())

  const codeOf = async (headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') => {
    const response = await rig.askBare({
      method,
      url: '/jobs',
      headers,
      ...(method === 'POST' && { payload: aBody() }),
    })
    return response.statusCode < 300 ? response.statusCode : (response.json() as { code: string }).code
  }

  test.each(['localhost', 'localhost:8420', '127.0.0.1:9', '127.1.2.3', '[::1]:8420', 'LOCALHOST'])(
    'this machine as %s is admin',
    async (host) => {
      expect(await codeOf({ host })).toBe(200)
    },
  )

  test.each(['evil.example', '10.0.0.1:8420', 'localhost.evil.example', '127.0.0.1.evil.example:8420'])(
    'the host name "%s" is refused: it may be rebound to this machine',
    async (host) => {
      expect(await codeOf({ host })).toBe('forbidden-origin')
    },
  )

  test('pages of other sites may not change anything', async () => {
    const host = 'localhost:8420'
    expect(await codeOf({ host, origin: 'https://evil.example' }, 'POST')).toBe('forbidden-origin')
    expect(await codeOf({ host, origin: 'http://localhost:9999' }, 'POST')).toBe('forbidden-origin')
    expect(await codeOf({ host, origin: 'null' }, 'POST')).toBe('forbidden-origin')
    expect(await codeOf({ host, 'sec-fetch-site': 'cross-site' }, 'POST')).toBe('forbidden-origin')
    expect(await codeOf({ host, 'sec-fetch-site': 'same-site' }, 'POST')).toBe('forbidden-origin')
    expect(await rig.numRows()).toBe(0)

    expect(await codeOf({ host, origin: 'http://localhost:8420', 'sec-fetch-site': 'same-origin' }, 'POST')).toBe(201)
    expect(await codeOf({ host }, 'POST')).toBe(201)
  })

  test('what came through a proxy is not this machine', async () => {
    expect(await codeOf({ host: 'localhost:8420', 'x-forwarded-for': '10.1.2.3' })).toBe('unauthenticated')
  })

  test('what comes to another address is not this machine, whatever it calls itself', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address
    if (address === undefined) return console.warn('SKIPPED: this machine has no address but loopback')
    const databaseUrl = await services.createDatabase()
    const open = await openRig({ databaseUrl, directory: services.directory, withKeys: false, host: '0.0.0.0' })
    const request = { url: '/jobs', headers: { host: 'localhost' } }
    const answers = [await open.askBare(request), await open.askBare(request, address)]
    await open.close()

    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 401])
  })

  test('a key that is wrong is not forgiven', async () => {
    expect(await codeOf({ host: 'localhost', authorization: 'Bearer nonsense' })).toBe('unauthenticated')
  })

  test('where others can reach the port there is no keyless access at all', async () => {
    const open = await openRig({
      databaseUrl: await services.createDatabase(),
      directory: services.directory,
      withKeys: false,
      deps: { allowKeyless: false },
    })
    const response = await open.askBare({ url: '/jobs', headers: { host: 'localhost' } })
    await open.close()

    expect(response.statusCode).toBe(401)
  })
})
