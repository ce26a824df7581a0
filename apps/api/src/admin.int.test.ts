import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Database, migrate, openDatabase } from '@kantor/db'
import { openQueue, type TicketQueue } from '@kantor/queue'
import { type Services, startServices } from '@kantor/testing'
import type { FastifyInstance } from 'fastify'
import { buildAdminApp } from './admin-app.js'
import { createMetrics } from './metrics.js'
import { type Answer, ask } from '../tests/http.js'
import { claim, openRig, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
beforeAll(async () => {
  services = await startServices({ s3: false })
})
afterAll(() => services.stop())

describe.each(['postgres', 'redis'] as const)('the admin port, tickets in %s', (backend) => {
  let db: Database
  let rig: Rig
  let queue: TicketQueue
  let admin: FastifyInstance
  const registered: string[] = []
  beforeAll(async () => {
    const databaseUrl = await services.createDatabase()
    await migrate(databaseUrl)
    db = await openDatabase(databaseUrl)
    queue = await openQueue({ databaseUrl, ...(backend === 'redis' && { redisUrl: services.redisUrl }) })
    const metrics = createMetrics({ db, queue })
    rig = await openRig({ databaseUrl, directory: services.directory, deps: { metrics } })
    admin = await buildAdminApp({
      ...rig.app.deps,
      metrics,
      boardQueues: queue.bullQueues(),
      onRoute: ({ method, url }) => void registered.push(`${[method].flat().join()} ${url}`),
    })
    await admin.listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(async () => {
    await admin.close()
    await rig.close()
    await queue.close()
    await db.close()
  })

  const askAdmin = (url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    ask((admin.server.address() as AddressInfo).port, { method, url, headers })
  const bearer = async (scope: 'read' | 'admin') => ({ authorization: `Bearer ${await rig.key(scope)}` })
  const paths = ['/metrics', '/queues', '/queues/', '/queues/api/queues', '/queues/static/favicon.ico']

  test('the metrics tell what happens, under few labels', async () => {
    const headers = await bearer('read')
    const first = await submit(rig)
    await claim(db, first)
    await queue.enqueue([{ jobId: first.id, ticketNo: 1, deviceClass: 'cpu' }])
    await submit(rig)
    for (let n = 0; n < 20; n++) await rig.ask({ url: `/jobs/${unknownId.slice(0, -2)}${n + 10}` })
    await rig.ask({ url: `/no/such/path/${unknownId}` })
    await db.pool.query('UPDATE attempt SET fenced_writes = 3')
    const { body } = await askAdmin('/metrics', headers)
    const value = (line: string) =>
      Number(
        body
          .split('\n')
          .find((one) => one.startsWith(`${line} `))
          ?.split(' ')
          .at(-1),
      )

    expect(value('kantor_database_up')).toBe(1)
    expect(value('kantor_jobs{state="starting"}')).toBe(1)
    expect(value('kantor_jobs{state="failed"}')).toBe(0)
    expect(value('kantor_jobs{state="queued"}')).toBeGreaterThan(0)
    expect(value('kantor_tickets{device="cpu",kind="waiting"}')).toBe(1)
    expect(value('kantor_fenced_writes')).toBe(3)
    expect(value('kantor_incidents_total{reason="lease_expired"}')).toBe(0)
    expect(value('kantor_http_request_seconds_count{method="GET",route="/jobs/:id",status="404"}')).toBe(20)
    expect(value('kantor_http_request_seconds_count{method="GET",route="none",status="404"}')).toBeGreaterThan(0)
    expect(body).not.toContain(unknownId.slice(0, -2))
    expect(body).toContain('process_resident_memory_bytes')
  })

  test('S18: what operators look at is never on the public port, and asks for a key on its own', async () => {
    for (const path of paths) {
      expect([path, (await rig.ask({ url: path })).statusCode]).toEqual([path, 404])
      expect([path, (await askAdmin(path)).statusCode]).toEqual([path, 401])
    }
    const reader = await bearer('read')
    expect((await askAdmin('/metrics', reader)).statusCode).toBe(200)
    expect((await askAdmin('/queues/', reader)).statusCode).toBe(403)
    expect((await askAdmin('/metrics', { ...reader, host: 'evil.example' })).statusCode).toBe(403)
    expect((await askAdmin('/jobs', reader)).statusCode).toBe(404)
  })

  test('S18: bull-board shows the tickets to an admin, by key or by session, and changes nothing', async () => {
    const job = await submit(rig)
    await queue.enqueue([{ jobId: job.id, ticketNo: 1, deviceClass: 'cpu' }])
    const started = await rig.ask({ method: 'POST', url: '/session', payload: { key: await rig.key('admin') } })
    const [cookie = ''] = String(started.headers['set-cookie']).split(';')

    const page = await askAdmin('/queues/queue/train-cpu', { cookie })
    expect(page.body).not.toMatch(/https:|<%/)
    const files = [...page.body.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map((match) => `/queues/${match[1]}`)
    expect(files.length).toBeGreaterThan(3)
    for (const url of files) expect([url, (await askAdmin(url, { cookie })).statusCode]).toEqual([url, 200])
    const board = await askAdmin('/queues/api/queues?activeQueue=train-cpu&status=waiting', await bearer('admin'))
    expect(board.json()).toMatchObject({
      queues: expect.arrayContaining([
        expect.objectContaining({
          name: 'train-cpu',
          readOnlyMode: true,
          counts: expect.objectContaining({ waiting: 2 }),
        }),
        expect.objectContaining({ name: 'train-gpu' }),
      ]),
    })
    expect(board.body).toContain(job.id)
    expect(registered.filter((route) => !/^(?:GET|HEAD)/.test(route))).toEqual([])
    const pause = await askAdmin('/queues/api/queues/train-cpu/pause', { ...(await bearer('admin')) }, 'PUT')
    expect([404, 405]).toContain(pause.statusCode)
  })
})
