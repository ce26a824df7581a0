import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createKey } from '@kantor/db'
import {
  type Collector,
  type ProcessStack,
  type S3Server,
  smallJob,
  startCollector,
  startFauxqs,
  startProcessStack,
} from '@kantor/testing'

/** Each is told apart, and cannot be there by chance. */
const canary = (name: string) => `canary-${name}-5e9f2c71d0b84a36`
const secrets = {
  s3Id: canary('id'),
  s3Secret: canary('secret'),
  apiKey: `kantor_0123456789abcdef_${'c'.repeat(72)}`,
  environment: canary('environment'),
}
let stack: ProcessStack
let s3: S3Server
let collector: Collector
let key: string
let webhookSecret: string

beforeAll(async () => {
  s3 = await startFauxqs()
  collector = await startCollector()
  stack = await startProcessStack({
    s3: { ...s3.settings, accessKeyId: secrets.s3Id, secretAccessKey: secrets.s3Secret },
    env: {
      KANTOR_LOG_LEVEL: 'trace',
      KANTOR_API_KEY: secrets.apiKey,
      AWS_SESSION_TOKEN: secrets.environment,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    },
  })
}, 180_000)
afterAll(async () => {
  await stack?.stop()
  await s3?.stop()
  await collector?.stop()
}, 60_000)

const password = () => new URL(stack.postgres.url).password
/** The part of a key that makes it one. */
const secretOf = (token: string) => token.slice(24)
const everySecret = () => [
  ...Object.values(secrets).map((one) => one.slice(-60)),
  password(),
  secretOf(key),
  webhookSecret,
]
const leaks = (text: string) => everySecret().filter((secret) => text.includes(secret))

async function trainOnce(): Promise<string> {
  const job = await stack.client.createJob({
    body: smallJob({ name: 'watched', dataset: stack.dataset, generatorSteps: 60 }),
  })
  await stack.client
    .createWebhook({ body: { url: 'https://hook.example/', events: ['job.failed'] } })
    .then(({ secret }) => (webhookSecret = secret!))
  const environments: string[] = []
  for (;;) {
    const { state } = await stack.client.getJob({ params: { id: job.id } })
    environments.push(...environmentsBelow(stack.workers[0]!.pid!))
    if (state === 'succeeded') break
    if (state === 'failed') throw new Error('the job failed')
    await sleep(50)
  }
  expect(environments.length).toBeGreaterThan(0)
  key = (await createKey(stack.db, { name: 'reader', scope: 'admin' })).key
  expect(leaks(environments.join('\n'))).toEqual([])
  return job.id
}

/** What the children of a process were given; Linux shows it. */
function environmentsBelow(pid: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]
        return parent === String(pid) ? [readFileSync(`/proc/${name}/environ`, 'utf8')].filter(Boolean) : []
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

async function everyReply(jobId: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}` }
  const wrong = { authorization: `Bearer ${key}x`, cookie: `kantor_session=${'a'.repeat(64)}` }
  const paths = [
    ...['', '/events', '/curve', '/samples', '/checkpoints', '/attempts', '/logs', '/usage'].map(
      (part) => `/jobs/${jobId}${part}`,
    ),
    ...[
      '/api-keys',
      '/webhooks',
      '/audit',
      '/workers',
      '/usage',
      '/session',
      '/readyz',
      '/openapi.json',
      '/docs',
      '/ui/',
      '/nothing',
    ],
  ]
  const asked = paths.flatMap((path) => [headers, wrong].map((given) => fetch(stack.url + path, { headers: given })))
  asked.push(
    fetch(`${stack.url}/jobs?token=${key}`),
    fetch(`${stack.url}/session`, { method: 'POST', headers, body: '{' }),
  )
  const replies = await Promise.all(asked)
  return (
    await Promise.all(replies.map(async (reply) => JSON.stringify([...reply.headers]) + (await reply.text())))
  ).join('\n')
}

async function everyRow(): Promise<string> {
  const { rows: tables } = await stack.db.pool.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema IN ('public', 'bullmq') AND table_type = 'BASE TABLE' AND table_name <> 'webhook'`,
  )
  expect(tables.length).toBeGreaterThan(15)
  const texts = await Promise.all(
    tables.map(
      async ({ name }) => (await stack.db.pool.query(`SELECT to_jsonb(t)::text AS row FROM ${name} AS t`)).rows,
    ),
  )
  return JSON.stringify(texts)
}

async function everyObject(): Promise<string> {
  const texts: string[] = []
  for await (const { key: name } of stack.store.list(''))
    texts.push(name + Buffer.from(await stack.store.getBytes(name)).toString('latin1'))
  expect(texts.length).toBeGreaterThan(2)
  return texts.join('\n')
}

async function everyFile(): Promise<string> {
  const folders = ['spool', 'images', 'objects'].map((name) => join(stack.directory, name))
  const files = await Promise.all(
    folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])),
  )
  const texts = files
    .flat()
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}

test('S10: no secret of the service is in a trainer, a log, a row, an object, a file or a reply', async () => {
  const jobId = await trainOnce()
  const replies = await everyReply(jobId)
  const logs = [stack.api, ...stack.workers].flatMap(({ lines }) => lines)

  expect(logs.length).toBeGreaterThan(50)
  await Promise.all([stack.api, ...stack.workers].map((one) => one.stop()))
  const services = new Set(collector.spans.map(({ service }) => service))
  expect([...services].toSorted()).toEqual(['kantor-api', 'kantor-worker'])
  expect({
    replies: leaks(replies),
    logs: leaks(JSON.stringify(logs)),
    rows: leaks(await everyRow()),
    objects: leaks(await everyObject()),
    files: leaks(await everyFile()),
    traces: leaks(collector.received),
  }).toEqual({ replies: [], logs: [], rows: [], objects: [], files: [], traces: [] })
}, 180_000)
