// S10: secrets lie where they are needed, and nowhere else. Every one that the service is given, or makes, is a word of its own; after a job, refusals and outages, whatever the service left or said is searched for them.
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { isTerminal } from '@kantor/contracts'
import { createKey } from '@kantor/db'
import {
  type Collector,
  isOnPath,
  type ProcessStack,
  type RedisServer,
  type S3Server,
  smallJob,
  startCollector,
  startFauxqs,
  startProcessStack,
  startRedis,
} from '@kantor/testing'
import { LIMIT_MS, until } from './faults/rig.js'

const word = () => `canary${randomBytes(12).toString('hex')}`
const secrets: Record<string, string> = { s3: word(), collector: word() }
/** Not a secret: what would be found if it were, is found. */
const PUBLIC = word()

let s3: S3Server
let redis: RedisServer | undefined
let collector: Collector
let stack: ProcessStack
beforeAll(async () => {
  s3 = await startFauxqs()
  collector = await startCollector()
  if (isOnPath('redis-server')) {
    redis = await startRedis()
    secrets['redis'] = word()
    await redis!.set('requirepass', secrets['redis'])
  }
  stack = await startProcessStack({
    s3: { ...s3.settings, secretAccessKey: secrets['s3']! },
    env: {
      KANTOR_LOG_LEVEL: 'trace',
      KANTOR_WEBHOOK_PRIVATE: 'on',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secrets['collector']}`,
      ...(redis && { REDIS_URL: redis.url.replace('://', `://:${secrets['redis']}@`) }),
    },
  })
  secrets['database'] = new URL(stack.postgres.url).password
  expect(secrets['database'].length).toBeGreaterThan(15)
}, LIMIT_MS)
afterAll(async () => {
  await stack?.stop()
  await redis?.stop()
  await collector?.stop()
  await s3?.stop()
}, LIMIT_MS)

/** Everything that was answered, headers too. */
const answers: string[] = []
async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${stack.url}${path}`, init)
  const text = await response.text()
  answers.push(`${init.method ?? 'GET'} ${path}\n${JSON.stringify([...response.headers])}\n${text}`)
  return { status: response.status, headers: response.headers, text }
}

test(
  'S10: no secret is in a log, a trace, the database, an object, a file or an answer',
  async () => {
    const { key } = await createKey(stack.db, { name: 'owner', scope: 'admin' })
    secrets['key'] = key.slice(24)
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const post = (path: string, body: object) => ask(path, { method: 'POST', headers, body: JSON.stringify(body) })

    const session = await fetch(`${stack.url}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    })
    secrets['session'] = /kantor_session=([0-9a-f]{64})/.exec(session.headers.get('set-cookie') ?? '')![1]!
    const cookie = `kantor_session=${secrets['session']}`
    const hook = await fetch(`${stack.url}/webhooks`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ url: `${collector.endpoint}/hook`, events: ['job.succeeded'] }),
    })
    const made = (await hook.json()) as { id: string; secret: string }
    secrets['webhook'] = made.secret

    const { dataset } = stack
    const submitted = await post('/jobs', smallJob({ name: PUBLIC, dataset, generatorSteps: 20 }))
    const { id } = JSON.parse(submitted.text) as { id: string }
    await until(async () => isTerminal(JSON.parse((await ask(`/jobs/${id}`, { headers })).text).state))
    expect((await ask(`/jobs/${id}`, { headers: { cookie } })).text).toContain('"state":"succeeded"')
    await post(`/webhooks/${made.id}/test`, {})
    // In the wrong place, damaged, and with a body that repeats it.
    expect((await ask('/jobs', { headers: { authorization: `Bearer ${key}x` } })).status).toBe(401)
    expect((await post('/jobs', { authorization: 1, spec: { dataset, secretAccessKey: 's' } })).status).toBe(422)
    for (const path of ['/webhooks', `/webhooks/${made.id}/deliveries`, '/api-keys', '/audit', '/workers', '/usage'])
      expect([path, (await ask(path, { headers })).status]).toEqual([path, 200])
    for (const path of [`/jobs/${id}/events`, `/jobs/${id}/export`, `/jobs/${id}/attempts`, '/openapi.json'])
      await ask(path, { headers })
    const misplaced = await fetch(`${stack.url}/jobs?key=${key}`)
    expect(misplaced.status).toBe(400)
    expect(await misplaced.text()).not.toContain(secrets['key'])

    // What libraries say of a service that is gone.
    await stack.postgres.kill()
    expect((await ask('/jobs', { headers })).status).toBe(503)
    await stack.postgres.restart()
    await until(async () => (await ask('/readyz')).status === 200)
    const left = { ...(await searched()), objects: await objects() }
    await s3.kill()
    const { items } = JSON.parse((await ask(`/jobs/${id}/checkpoints`, { headers })).text) as {
      items: { id: string }[]
    }
    expect((await ask(`/checkpoints/${items[0]!.id}/download`, { headers })).status).toBe(503)
    for (const process of [stack.api, ...stack.workers]) await process.stop()

    const places: Record<string, string> = {
      ...left,
      answers: answers.join('\n'),
      logs: JSON.stringify([stack.api, ...stack.workers].map(({ lines }) => lines)),
      // The header itself is where this one belongs.
      traces: collector.received.replaceAll(`"authorization":"${secrets['collector']}"`, ''),
    }
    const found = Object.entries(places).flatMap(([place, text]) =>
      Object.entries(secrets)
        .filter(([, secret]) => text.includes(secret))
        .map(([name]) => `${name} in ${place}`),
    )
    // A signature needs the secret of a webhook as it is.
    expect(found).toEqual(['webhook in database'])
    for (const [place, text] of [
      ['database', PUBLIC],
      ['answers', PUBLIC],
      ['logs', id],
    ] as const)
      expect([place, places[place]!.includes(text)]).toEqual([place, true])
    for (const place of ['files', 'objects', 'traces'])
      expect([place, places[place]!.length > 1000]).toEqual([place, true])
  },
  LIMIT_MS,
)

async function searched(): Promise<{ database: string; files: string }> {
  const { rows: tables } = await stack.db.pool.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  )
  const dumps: string[] = []
  for (const { name } of tables) {
    const { rows } = await stack.db.pool.query<{ row: string }>(
      `SELECT encode(t::text::bytea, 'escape') AS row FROM "${name}" t`,
    )
    dumps.push(...rows.map(({ row }) => row))
  }
  const entries = await readdir(stack.directory, { recursive: true, withFileTypes: true })
  // The database's own files hold what its tables do.
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('/postgres'))
  const contents = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')))
  return { database: dumps.join('\n'), files: contents.join('\n') }
}

async function objects(): Promise<string> {
  const contents: string[] = []
  for await (const { key } of stack.store.list(''))
    contents.push(Buffer.from(await stack.store.getBytes(key)).toString('latin1'))
  return contents.join('\n')
}
