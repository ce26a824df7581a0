import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from '@jest/globals'
import { startProxy, startServices, throughProxy } from '@kantor/testing'
import { Redis } from 'ioredis'
import { describeQueue, describeQueueOutage, until } from './conformance.js'
import { openQueue } from './open-queue.js'
import type { Ticket, TicketQueue } from './ticket-queue.js'

// Module level: which suites exist must be known before the tests run.
const services = await startServices({ s3: false })
afterAll(() => services.stop())
const { redisUrl, redisServer } = services

async function emptyRedis(url: string) {
  const redis = new Redis(url)
  await redis.flushall()
  redis.disconnect()
}

const ticketNo = (number: number): Ticket => ({ jobId: 'job', ticketNo: number, deviceClass: 'cpu' })

/** The queue behind a proxy that can be cut. */
async function behindProxy(url: string, open: (proxied: string) => Promise<TicketQueue>) {
  const proxy = await startProxy(Number(new URL(url).port))
  const queue = await open(throughProxy(url, proxy))
  return { queue, server: proxy }
}

describeQueue('Postgres', async () => {
  const databaseUrl = await services.createDatabase()
  return () => openQueue({ databaseUrl })
})
describeQueueOutage('Postgres', async () =>
  behindProxy(await services.createDatabase(), (databaseUrl) => openQueue({ databaseUrl })),
)

if (redisUrl && redisServer) {
  const databaseUrl = 'postgresql://127.0.0.1:1/unused'
  describeQueue('Redis', async () => {
    await emptyRedis(redisUrl)
    return () => openQueue({ redisUrl, databaseUrl })
  })
  describeQueueOutage('Redis', async () => {
    await emptyRedis(redisUrl)
    return behindProxy(redisUrl, (proxied) => openQueue({ redisUrl: proxied, databaseUrl }))
  })

  describe('Redis that evicts', () => {
    test('F37, E2: is refused at once, with the setting and the remedy', async () => {
      const redis = new Redis(redisUrl)
      await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
      const refused = openQueue({ redisUrl, databaseUrl })
      await expect(refused).rejects.toMatchObject({
        name: 'QueueUnusable',
        message: expect.stringMatching(/^REDIS_URL: .*allkeys-lru.*noeviction/),
      })

      await redis.config('SET', 'maxmemory-policy', 'noeviction')
      await (await openQueue({ redisUrl, databaseUrl })).close()
      redis.disconnect()
    })
  })

  test('E2: a Redis without an append-only file is used, with a warning that names the setting', async () => {
    const redis = new Redis(redisUrl)
    await redis.config('SET', 'appendonly', 'no')
    const warnings: string[] = []
    const warn = (message: string) => void warnings.push(message)
    await (await openQueue({ redisUrl, databaseUrl, warn })).close()
    await redis.config('SET', 'appendonly', 'yes')
    await (await openQueue({ redisUrl, databaseUrl, warn })).close()
    redis.disconnect()

    expect(warnings).toEqual([expect.stringMatching(/^REDIS_URL: .*config set appendonly yes/)])
  })

  describe('Redis that is killed and comes back', () => {
    test('tickets that its log holds are delivered, and new ones after them', async () => {
      await emptyRedis(redisUrl)
      const queue = await openQueue({ redisUrl, databaseUrl })
      await queue.enqueue([ticketNo(1), ticketNo(2)])
      // The log is synced once a second.
      await sleep(1500)

      await redisServer.kill()
      await redisServer.restart()
      const seen: number[] = []
      await queue.consume('cpu', { slots: 1 }, async (ticket) => void seen.push(ticket.ticketNo))
      await until(() => seen.length >= 2, 'both were delivered')
      await queue.enqueue([ticketNo(3)])
      await until(() => seen.length >= 3, 'the new one was delivered')

      expect(seen).toEqual([1, 2, 3])
      await queue.close()
    })
  })
}

describe('openQueue', () => {
  test('waits for a server that is still starting', async () => {
    const databaseUrl = await services.createDatabase()
    const proxy = await startProxy(Number(new URL(databaseUrl).port))
    await proxy.cut()

    const opening = openQueue({ databaseUrl: throughProxy(databaseUrl, proxy) })
    await sleep(1000)
    await proxy.mend()
    const queue = await opening
    const seen: Ticket[] = []
    await queue.consume('gpu', { slots: 1 }, async (ticket) => void seen.push(ticket))
    await queue.enqueue([{ jobId: 'job', ticketNo: 1, deviceClass: 'gpu' }])
    await until(() => seen.length === 1, 'it was delivered')

    await queue.close()
    await proxy.stop()
  })

  test('two processes that migrate at once both succeed', async () => {
    const databaseUrl = await services.createDatabase()

    const queues = await Promise.all(Array.from({ length: 4 }, () => openQueue({ databaseUrl })))

    await Promise.all(queues.map((queue) => queue.ping()))
    await Promise.all(queues.map((queue) => queue.close()))
  })

  test('a ticket that is not one of ours is dropped and reported', async () => {
    const databaseUrl = await services.createDatabase()
    const errors: string[] = []
    const queue = await openQueue({ databaseUrl, onError: (error) => void errors.push(String(error)) })
    const forged = { jobId: 'job', ticketNo: 'one', deviceClass: 'cpu' } as unknown as Ticket
    const seen: Ticket[] = []
    await queue.consume('cpu', { slots: 1 }, async (ticket) => void seen.push(ticket))

    await queue.enqueue([forged])
    await queue.enqueue([{ jobId: 'job', ticketNo: 2, deviceClass: 'cpu' }])
    await until(() => seen.length === 1, 'the good one was delivered')

    expect(seen.map((ticket) => ticket.ticketNo)).toEqual([2])
    expect(errors).toEqual([expect.stringContaining('not one of ours')])
    await queue.close()
  })
})
