import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createKey, migrate, openDatabase, registerWorker } from '@kantor/db'
import { openQueue, type Ticket } from '@kantor/queue'
import { type Services, startServices } from '@kantor/testing'
import { ask } from '../tests/http.js'
import { adminPortOf, type ApiProcess, launchApi, listening } from '../tests/process.js'
import { registerDigits } from '../tests/rig.js'

let services: Services
const children: ChildProcess[] = []
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => services.stop())

function launch(env: Record<string, string> = {}): ApiProcess {
  const started = launchApi({ KANTOR_DATA_DIR: services.directory, ...env })
  children.push(started.child)
  return started
}

describe('the api process', () => {
  test('migrates, serves, dispatches, and ends cleanly on SIGTERM', async () => {
    const databaseUrl = await services.createDatabase()
    const started = launch({ DATABASE_URL: databaseUrl, KANTOR_ADMIN_PORT: '0', KANTOR_BULL_BOARD: 'on' })
    const port = await listening(started)
    const adminPort = adminPortOf(started)
    const db = await openDatabase(databaseUrl)
    await registerDigits(db)
    await registerWorker(db, { id: 'w', host: 'h', pid: 1, deviceClass: 'cpu', device: 'cpu', slots: 1, versions: {} })
    const queue = await openQueue({ databaseUrl })
    const tickets: Ticket[] = []
    const ticketed = new Promise<void>((resolve) => {
      void queue.consume('cpu', { slots: 1 }, async (ticket) => {
        tickets.push(ticket)
        resolve()
      })
    })

    expect((await ask(port, { url: '/readyz' })).json()).toMatchObject({ status: 'ok' })
    const made = await ask(port, { method: 'POST', url: '/jobs', payload: { spec: { dataset: 'digits' } } })
    expect(made.statusCode).toBe(201)
    await ticketed
    expect(tickets[0]?.jobId).toBe((made.json() as { id: string }).id)

    expect((await ask(adminPort, { url: '/metrics' })).body).toMatch(/^kantor_jobs\{state="queued"\} 1$/m)
    expect((await ask(adminPort, { url: '/queues/api/queues' })).json()).toHaveProperty('queues')
    expect((await ask(port, { url: '/metrics' })).statusCode).toBe(404)

    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    await expect(ask(adminPort, { url: '/metrics' })).rejects.toThrow('ECONNREFUSED')
    await expect(ask(port, { url: '/healthz' })).rejects.toThrow('ECONNREFUSED')
    await queue.close()
    await db.close()
  })

  test('ends when its parent is gone', async () => {
    const started = launch({ DATABASE_URL: await services.createDatabase() })
    await listening(started)
    started.child.disconnect()

    expect(await started.exited).toBe(0)
  })

  test.each(['at once', 'while it waits for its database'])('ends when its parent is gone %s', async (when) => {
    const started = launch({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
    if (when !== 'at once')
      while (!started.log().includes('waiting')) await new Promise((resolve) => setTimeout(resolve, 50))
    started.child.disconnect()

    expect(await started.exited).toBe(1)
  })

  test('E1, S10: waits for a database that is not up yet, and tells no password', async () => {
    const refused = createServer().listen(0, '127.0.0.1')
    await once(refused, 'listening')
    const { port } = refused.address() as AddressInfo
    refused.close()
    const started = launch({ DATABASE_URL: `postgres://nobody:secret-word@127.0.0.1:${port}/none` })
    while (!started.log().includes('waiting')) await new Promise((resolve) => setTimeout(resolve, 50))

    expect(started.child.exitCode).toBeNull()
    expect(started.log()).not.toContain('secret-word')
  })

  test('E3: reachable by others it wants a key first', async () => {
    const databaseUrl = await services.createDatabase()
    const bare = { DATABASE_URL: databaseUrl, KANTOR_HOST: '0.0.0.0' }
    const open = launch(bare)
    expect(await open.exited).toBe(78)
    expect(open.log()).toMatch(/^KANTOR_HOST: .*plain HTTP.*KANTOR_INSECURE=plaintext$/m)
    const env = { ...bare, KANTOR_INSECURE: 'plaintext' }
    const keyless = launch(env)
    expect(await keyless.exited).toBe(78)
    expect(keyless.log()).toContain('kantor key create')
    expect(keyless.log()).toContain('accepted by KANTOR_INSECURE: KANTOR_HOST')

    await migrate(databaseUrl)
    const db = await openDatabase(databaseUrl)
    const { key } = await createKey(db, { name: 'first', scope: 'read' })
    await db.close()
    const port = await listening(launch(env))
    expect((await ask(port, { url: '/jobs' })).statusCode).toBe(401)
    expect((await ask(port, { url: '/jobs', headers: { authorization: `Bearer ${key}` } })).statusCode).toBe(200)
  })

  test('E1: tells everything that is wrong at once, the missing database among it, and exits 78', async () => {
    const started = launch({ KANTOR_PORT: '70000', KANTOR_LOG_LEVEL: 'loud', REDIS_URL: 'http://:hunter22@redis' })

    expect(await started.exited).toBe(78)
    const lines = started.log().trim().split('\n')
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'REDIS_URL',
      'KANTOR_PORT',
      'KANTOR_LOG_LEVEL',
      'DATABASE_URL',
    ])
    expect(started.log()).not.toContain('hunter22')
  })

  test('E2: a database whose history does not fit is told in one line, with the remedy', async () => {
    const databaseUrl = await services.createDatabase()
    await migrate(databaseUrl)
    const db = await openDatabase(databaseUrl)
    await db.pool.query(`UPDATE "_prisma_migrations" SET checksum = 'x'`)
    await db.close()
    const started = launch({ DATABASE_URL: databaseUrl })

    expect(await started.exited).toBe(78)
    expect(started.log().trim()).toMatch(/^migration \d+_\w+ was edited after it was applied; restore its file/)
  })

  test('a port that is taken is told in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const started = launch({ DATABASE_URL: await services.createDatabase(), KANTOR_PORT: String(port) })

    expect(await started.exited).toBe(78)
    expect(started.log()).toContain(`port ${port} (EADDRINUSE)`)
    other.close()
  })
})
