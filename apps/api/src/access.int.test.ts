import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type ApiKey, AuditEntry, type CreatedApiKey, routes, type Session } from '@kantor/contracts'
import { createKey, forgetAudit } from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type Services, startServices } from '@kantor/testing'
import type { z } from 'zod'
import type { Answer } from '../tests/http.js'
import { aBody, openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
const logged: string[] = []
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  const log = createLogger({ logLevel: 'trace' }, 'test', { write: (line: string) => void logged.push(line) })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory, deps: { log } })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const codeOf = (answer: Answer) => [answer.statusCode, (answer.json() as { code?: string }).code]
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const burst = (ask: () => Promise<Answer>) => Promise.all(Array.from({ length: 30 }, ask))

async function newKey(body: object, headers: Record<string, string> = {}) {
  const answer = await rig.ask({ method: 'POST', url: '/api-keys', headers, payload: body })
  return replyOf('createKey', answer) as z.infer<typeof CreatedApiKey>
}
const listed = async (id: string) => {
  const { items } = replyOf('listKeys', await rig.ask({ url: '/api-keys' })) as { items: ApiKey[] }
  return items.find((key) => key.id === id)
}

describe('keys', () => {
  test('S3: a key is shown once, works at once, and stops working with its revocation or its expiry', async () => {
    const { token, ...made } = await newKey({ name: 'laptop', scope: 'read' })
    const ask = () => rig.askBare({ url: '/session', headers: bearer(token!) })

    expect(replyOf('getSession', await ask())).toEqual({
      actor: 'laptop',
      keyId: made.id,
      scope: 'read',
      expiresAt: null,
    })
    expect((await listed(made.id))?.lastUsedAt).not.toBeNull()
    const past = '2020-01-01T00:00:00Z'
    const change = (body: object) => rig.ask({ method: 'PATCH', url: `/api-keys/${made.id}`, payload: body })
    expect(replyOf('patchKey', await change({ expiresAt: past, name: 'old laptop' }))).toMatchObject({
      name: 'old laptop',
    })
    expect((await ask()).statusCode).toBe(401)
    await change({ expiresAt: null })
    expect((await ask()).statusCode).toBe(200)
    const revoke = () => rig.ask({ method: 'POST', url: `/api-keys/${made.id}/revoke` })
    const first = replyOf('revokeKey', await revoke()) as ApiKey
    expect((await ask()).statusCode).toBe(401)
    expect(replyOf('revokeKey', await revoke())).toMatchObject({ revokedAt: first.revokedAt })
    expect((await rig.ask({ method: 'POST', url: `/api-keys/${'0'.repeat(16)}/revoke` })).statusCode).toBe(404)
  })

  test('S3: neither the database nor the log holds a usable key, whatever a request repeats', async () => {
    const headers = { 'idempotency-key': 'one-key' }
    const made = await newKey({ name: 'once' }, headers)
    const again = await newKey({ name: 'once' }, headers)
    const session = await rig.askBare({ method: 'POST', url: '/session', payload: { key: made.token } })
    const cookie = /kantor_session=([0-9a-f]{64})/.exec(session.headers['set-cookie']!)![1]!
    await rig.askBare({ url: `/jobs?token=${made.token}` })
    await rig.askBare({ url: '/jobs', headers: { ...bearer(`${made.token}x`), cookie: `kantor_session=${cookie}` } })

    expect(again).toEqual({ ...made, token: null })
    const secret = made.token!.slice(24)
    const { rows: tables } = await rig.db.pool.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    )
    expect(tables.length).toBeGreaterThan(10)
    for (const { name } of tables) {
      const { rows } = await rig.db.pool.query(`SELECT * FROM "${name}"`)
      const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
      expect([name, text.includes(secret), text.includes(cookie)]).toEqual([name, false, false])
    }
    expect(logged.length).toBeGreaterThan(0)
    expect(logged.join('')).not.toContain(secret)
    expect(logged.join('')).not.toContain(cookie)
  })

  test('the last admin key stays, or nobody could make another', async () => {
    const lone = await openRig({ databaseUrl: await services.createDatabase(), directory: services.directory })
    const { items } = (await lone.ask({ url: '/api-keys' })).json() as { items: ApiKey[] }
    const url = `/api-keys/${items[0]!.id}`

    expect(codeOf(await lone.ask({ method: 'POST', url: `${url}/revoke` }))).toEqual([409, 'last-admin-key'])
    const expired = await lone.ask({ method: 'PATCH', url, payload: { expiresAt: '2020-01-01T00:00:00Z' } })
    expect(codeOf(expired)).toEqual([409, 'last-admin-key'])
    await lone.key('admin')
    expect((await lone.ask({ method: 'POST', url: `${url}/revoke` })).statusCode).toBe(200)
    await lone.close()
  })
})

describe('limits', () => {
  test('S5: row 54: a key with as many jobs waiting as it may is told to come back; a batch is taken whole or not at all', async () => {
    const { token, id } = await newKey({ name: 'sweep', maxQueued: 3 })
    const headers = bearer(token!)
    const one = () => rig.askBare({ method: 'POST', url: '/jobs', headers, payload: aBody() })
    const batch = (n: number) =>
      rig.askBare({
        method: 'POST',
        url: '/jobs/batch',
        headers,
        payload: { jobs: Array.from({ length: n }, () => aBody()) },
      })

    expect(codeOf(await batch(4))).toEqual([429, 'queue-full'])
    const answers = await Promise.all(Array.from({ length: 8 }, one))
    expect(answers.map(({ statusCode }) => String(statusCode)).toSorted()).toEqual([
      ...Array(3).fill('201'),
      ...Array(5).fill('429'),
    ])
    const full = answers.find(({ statusCode }) => statusCode === 429)!
    expect(Number(full.headers['retry-after'])).toBeGreaterThan(0)
    await rig.ask({ method: 'PATCH', url: `/api-keys/${id}`, payload: { maxQueued: null } })
    expect((await batch(4)).statusCode).toBe(201)
  })

  test('S5: row 26: a job that comes to more than its key may use is refused before anything is written', async () => {
    const { token } = await newKey({ name: 'student', maxPetaOperations: 1 })
    const ask = (spec: object) =>
      rig.askBare({
        method: 'POST',
        url: '/jobs',
        headers: bearer(token!),
        payload: { spec: { dataset: 'digits', ...spec } },
      })
    const before = await rig.numRows()

    for (const budget of [{ generatorSteps: 1_000_000 }, { epochs: 1_000_000 }, { seconds: 5 }]) {
      const refused = await ask({ budget })
      expect(refused.statusCode).toBe(422)
      expect(refused.json()).toMatchObject({ errors: [{ pointer: '/spec/budget', code: 'quota-exceeded' }] })
    }
    expect(await rig.numRows()).toBe(before)
    expect((await ask({ budget: { generatorSteps: 10 } })).statusCode).toBe(201)
  })

  test('S5: row 53: a burst is answered 429 with the seconds to wait, for its key or its address alone', async () => {
    const limited = await openRig({
      databaseUrl: services.databaseUrl,
      directory: services.directory,
      deps: { requestsPerSecond: 5 },
    })
    const other = bearer(await limited.key('read'))

    for (const answers of [
      await burst(() => limited.ask({ url: '/jobs' })),
      await burst(() => limited.askBare({ url: '/jobs' })),
      await burst(() => limited.askBare({ url: '/nothing' })),
      await burst(() => limited.askBare({ method: 'POST', url: '/session', payload: { key: 'kantor_guess' } })),
    ]) {
      const refused = answers.filter(({ statusCode }) => statusCode === 429)
      expect(refused.length).toBeGreaterThan(0)
      expect(codeOf(refused[0]!)).toEqual([429, 'rate-limited'])
      expect(refused[0]!.headers['retry-after']).toBe('1')
      expect((await limited.askBare({ url: '/session', headers: other })).statusCode).toBe(200)
    }
    expect(
      (await burst(() => limited.askBare({ url: '/healthz' }))).every(({ statusCode }) => statusCode === 200),
    ).toBe(true)
    await limited.close()
  })
})

test('S4: no body may name what only the service decides', async () => {
  const internal = {
    id: unknownId,
    keyId: 'x',
    state: 'running',
    epoch: 9,
    hash: 'x',
    createdAt: 'x',
    workerId: 'w',
    revokedAt: null,
  }
  const withBody = Object.entries(routes).filter(([, route]) => 'body' in route)
  expect(withBody.length).toBeGreaterThan(5)
  for (const [name, { method, path }] of withBody) {
    const answer = await rig.ask({ method, url: path.replaceAll(/:\w+/g, unknownId), payload: internal })
    const { errors = [] } = answer.json() as { errors?: { pointer: string; code: string }[] }
    if (answer.statusCode === 404) continue
    const refused = errors.filter(({ code }) => code === 'unknown-property').map(({ pointer }) => pointer)
    expect([name, answer.statusCode]).toEqual([name, 422])
    for (const field of ['/keyId', '/epoch', '/hash', '/workerId'])
      expect([name, refused]).toEqual([name, expect.arrayContaining([field])])
  }
})

describe('a browser', () => {
  const page = { host: '127.0.0.1:8420', origin: 'http://127.0.0.1:8420', 'sec-fetch-site': 'same-origin' }
  async function logIn(key: string, headers: Record<string, string> = page) {
    const answer = await rig.askBare({ method: 'POST', url: '/session', headers, payload: { key } })
    const [cookie = ''] = String(answer.headers['set-cookie']).split(';')
    return { answer, cookie }
  }

  test('S8: logs in for a cookie that no script reads, works with it, and logs out for good', async () => {
    const { key, id } = await createKey(rig.db, { name: 'browser', scope: 'submit' })
    const { answer, cookie } = await logIn(key)
    const attributes = String(answer.headers['set-cookie'])
    const ask = (method: string, url: string, payload?: unknown) =>
      rig.askBare({ method, url, headers: { ...page, cookie }, ...(payload !== undefined && { payload }) })

    const session = replyOf('startSession', answer) as Session
    expect(session).toMatchObject({ actor: 'browser', keyId: id, scope: 'submit' })
    expect(attributes).toMatch(/; HttpOnly; SameSite=Strict$/)
    expect(replyOf('getSession', await ask('GET', '/session'))).toEqual(session)
    expect((await ask('POST', '/jobs', aBody())).statusCode).toBe(201)
    expect((await ask('GET', '/api-keys')).statusCode).toBe(403)
    const out = await ask('DELETE', '/session')
    expect(replyOf('endSession', out)).toEqual({ ended: true })
    expect(String(out.headers['set-cookie'])).toMatch(/^kantor_session=; Max-Age=0/)
    expect((await ask('GET', '/session')).statusCode).toBe(401)
  })

  test('S8: a session ends with its key, and with its own time', async () => {
    const { key, id } = await createKey(rig.db, { name: 'browser', scope: 'read' })
    const first = await logIn(key)
    const second = await logIn(key)
    const status = async ({ cookie }: { cookie: string }) =>
      (await rig.askBare({ url: '/jobs', headers: { cookie } })).statusCode

    expect([await status(first), await status(second)]).toEqual([200, 200])
    await rig.db.pool.query(
      'UPDATE dashboard_session SET expires_at = clock_timestamp() WHERE created_at = (SELECT min(created_at) FROM dashboard_session WHERE key_id = $1)',
      [id],
    )
    expect([await status(first), await status(second)]).toEqual([401, 200])
    await rig.ask({ method: 'POST', url: `/api-keys/${id}/revoke` })
    expect(await status(second)).toBe(401)
    expect((await logIn(key)).answer.statusCode).toBe(401)
  })

  test('S8: no page but ours changes anything with its cookie, DELETE included', async () => {
    const key = await rig.key('admin')
    const { cookie } = await logIn(key)
    const job = await submit(rig)
    const foreign: Record<string, string>[] = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'http://127.0.0.1:9999' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: page.origin },
    ]
    for (const headers of foreign) {
      for (const [method, url] of [
        ['DELETE', `/jobs/${job.id}`],
        ['DELETE', '/session'],
        ['POST', `/jobs/${job.id}/cancel`],
        ['PATCH', `/jobs/${job.id}`],
      ] as const) {
        const answer = await rig.askBare({ method, url, headers: { host: page.host, cookie, ...headers } })
        expect([method, headers, ...codeOf(answer)]).toEqual([method, headers, 403, 'forbidden-origin'])
      }
    }
    expect(codeOf((await logIn(key, { ...page, origin: 'https://evil.example' })).answer)).toEqual([
      403,
      'forbidden-origin',
    ])
  })

  test('S8: a name that may be rebound to this machine is refused, with a key too; one from KANTOR_HOSTS is not', async () => {
    const headers = { ...bearer(await rig.key('read')), host: 'lab.example:8420' }
    const named = await openRig({
      databaseUrl: services.databaseUrl,
      directory: services.directory,
      deps: { hosts: ['lab.example'], allowKeyless: false },
    })

    expect(codeOf(await rig.askBare({ url: '/jobs', headers }))).toEqual([403, 'forbidden-origin'])
    expect((await named.askBare({ url: '/jobs', headers })).statusCode).toBe(200)
    expect(codeOf(await named.askBare({ url: '/jobs', headers: { ...headers, host: 'evil.example' } }))[0]).toBe(403)
    await named.close()
  })
})

const entries = async (query: string) => {
  const page = replyOf('listAudit', await rig.ask({ url: `/audit?${query}` })) as {
    items: AuditEntry[]
    nextCursor: string | null
  }
  return page
}

describe('the audit log', () => {
  test('S19: each change is one entry: who, what, on what, from where, under which request, with what end', async () => {
    const { id, token } = await newKey({ name: 'audited', scope: 'admin' })
    const headers = { ...bearer(token!), 'x-request-id': 'req-1' }
    const ask = (method: string, url: string, payload?: unknown) =>
      rig.askBare({ method, url, headers, ...(payload !== undefined && { payload }) })
    const job = (await ask('POST', '/jobs', aBody())).json() as { id: string }
    await ask('POST', `/jobs/${job.id}/cancel`)
    await ask('DELETE', `/jobs/${job.id}`)
    await ask('POST', '/jobs', { spec: {} })
    const other = (await ask('POST', '/api-keys', { name: 'other' })).json() as { id: string }
    await ask('POST', `/api-keys/${other.id}/revoke`)
    await ask('GET', `/checkpoints/${unknownId}/download`)
    await ask('GET', '/jobs')

    const { items } = await entries(`keyId=${id}`)
    const seen = items.toReversed().map(({ action, target, status }) => [action, target, status])
    expect(seen).toEqual([
      ['createJob', job.id, 201],
      ['cancelJob', job.id, 200],
      ['deleteJob', job.id, 200],
      ['createJob', null, 422],
      ['createKey', other.id, 201],
      ['revokeKey', other.id, 200],
      ['downloadCheckpoint', unknownId, 404],
    ])
    expect(items[0]).toMatchObject({ actor: 'audited', keyId: id, address: '127.0.0.1', requestId: 'req-1' })
    expect(JSON.stringify(await entries('limit=200'))).not.toContain(token!.slice(24))
    expect((await entries(`target=${job.id}&action=deleteJob`)).items).toHaveLength(1)
  })

  test('S19: it is read page by page, by admins, and only grows', async () => {
    await Promise.all(Array.from({ length: 5 }, () => submit(rig)))
    const first = await entries('limit=2&action=createJob')
    const second = await entries(`limit=2&action=createJob&cursor=${first.nextCursor}`)
    const ids = [...first.items, ...second.items].map((entry) => Number(entry.id))

    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
    expect(new Set(ids).size).toBe(4)
    expect(codeOf(await rig.ask({ url: '/audit?cursor=abc' }))).toEqual([400, 'invalid-cursor'])
    expect((await rig.askBare({ url: '/audit', headers: bearer(await rig.key('submit')) })).statusCode).toBe(403)
    for (const sql of ['UPDATE audit_entry SET actor = $$x$$', 'DELETE FROM audit_entry', 'TRUNCATE audit_entry'])
      await expect(rig.db.pool.query(sql)).rejects.toThrow('only grows')
  })

  test('S19: entries go when they are old enough, and not a day before', async () => {
    const old = async (days: number) =>
      rig.db.pool.query(
        `INSERT INTO audit_entry (at, actor, address, request_id, action, status)
         SELECT clock_timestamp() - make_interval(days => $1), 'old', '127.0.0.1', 'r', 'createJob', 201`,
        [days],
      )
    for (const days of [29, 31, 99, 101]) await old(days)

    expect(await forgetAudit(rig.db, 100)).toBe(1)
    await expect(forgetAudit(rig.db, 20)).rejects.toThrow('only grows')
    const { rows } = await rig.db.pool.query("SELECT 1 FROM audit_entry WHERE actor = 'old'")
    expect(rows).toHaveLength(3)
  })

  test('S17: only a proxy that is trusted says where a request comes from', async () => {
    const trusting = await openRig({
      databaseUrl: services.databaseUrl,
      directory: services.directory,
      deps: { trustedProxies: ['127.0.0.1'] },
    })
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' }
    const key = await rig.key('submit')
    const made = await Promise.all(
      [rig, trusting].map((one) => one.askBare({ method: 'POST', url: '/session', headers, payload: { key } })),
    )
    expect(made.map(({ statusCode }) => statusCode)).toEqual([201, 201])
    const { items } = await entries('limit=2&action=startSession')

    expect(items.map(({ address }) => address).toSorted()).toEqual(['127.0.0.1', '203.0.113.9'])
    expect(made.map((answer) => String(answer.headers['set-cookie']).includes('; Secure'))).toEqual([false, true])
    await trusting.close()
  })
})
