import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { openDatabase } from '@kantor/db'
import { checkInvariants, type ProcessStack, smallJob, startProcessStack } from '@kantor/testing'
import { backends, isFull, LIMIT_MS, until, Victims } from './rig.js'

/** The matrix says 60 s. */
const OUTAGE_MS = isFull ? 60_000 : 3_000

describe.each(backends)('services that come late, tickets in %s', (backend) => {
  let stack: ProcessStack
  let victims: Victims
  beforeAll(async () => {
    stack = await startProcessStack({ redis: backend === 'redis' })
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  afterEach(() => victims.expectInvariants(), LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  test(
    'F7: processes that start before Postgres does wait for it, and a job runs without anybody’s help',
    async () => {
      const [worker] = stack.workers
      await Promise.all([stack.api.stop(), worker!.stop()])
      await stack.postgres.kill()
      const starting = Promise.all([stack.api.start(), worker!.start()])
      await sleep(OUTAGE_MS)
      await stack.postgres.restart()
      await starting

      const job = await victims.submit('F7')
      await victims.end(job.id)
    },
    LIMIT_MS,
  )
})

describe('the API under strain', () => {
  let stack: ProcessStack
  const acknowledged: string[] = []
  beforeAll(async () => {
    stack = await startProcessStack({ workers: 0 })
  }, LIMIT_MS)
  afterEach(async () => {
    expect(await checkInvariants(stack.db, stack.store, { acknowledged })).toEqual([])
  }, LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  const post = async (name: string) => {
    const body = JSON.stringify(smallJob({ name, dataset: stack.dataset, generatorSteps: 1 }))
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`${stack.url}/jobs`, { method: 'POST', headers, body })
    const { id } = (await reply.json()) as { id: string }
    if (reply.status === 201) acknowledged.push(id)
    return { status: reply.status, retryAfter: reply.headers.get('retry-after'), id }
  }
  const burst = (name: string, n: number) => Promise.all(Array.from({ length: n }, () => post(name)))

  test(
    'F11: no connection left in Postgres is a 503 that says when to come back, and passes',
    async () => {
      const url = new URL(stack.postgres.url)
      url.searchParams.set('application_name', 'hog')
      const hog = await openDatabase(url.toString(), { maxConnections: 1000 })
      const held: { release(destroy: boolean): void; query(sql: string): Promise<unknown> }[] = []
      const takeAll = async () => {
        for (;;) {
          const client = await hog.pool.connect().catch(() => null)
          if (!client) return
          held.push(client)
        }
      }
      await takeAll()
      // What the API holds idle goes too: whoever asks now needs a new connection.
      await held[0]!.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kantor' AND state = 'idle'`,
      )
      await takeAll()
      const during = await burst('F11', 50)
      for (const client of held) client.release(true)
      await hog.close()

      expect(during.filter(({ status }) => status !== 201 && status !== 503)).toEqual([])
      const refused = during.filter(({ status }) => status === 503)
      expect(refused.length).toBeGreaterThan(0)
      expect(refused.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true)
      await until(async () => (await post('F11 after')).status === 201)
      expect(new Set((await burst('F11 after', 50)).map(({ status }) => status))).toEqual(new Set([201]))
    },
    LIMIT_MS,
  )

  test(
    'F35: SIGTERM with 200 open polls and 50 submissions: each is answered or cleanly refused, and the process ends',
    async () => {
      const { id } = await post('F35')
      const polls = Array.from({ length: 200 }, () =>
        fetch(`${stack.url}/jobs/${id}/curve`, { headers: { connection: 'keep-alive' } }).then(
          async (reply) => (await reply.arrayBuffer(), reply.status),
          () => 'refused',
        ),
      )
      const posts = Array.from({ length: 50 }, () => post('F35').catch(() => null))
      // Some have their answer, most are under way.
      await Promise.race(polls)
      stack.api.signal('SIGTERM')
      const how = await stack.api.ended()
      const [polled, posted] = await Promise.all([Promise.all(polls), Promise.all(posts)])

      expect(how).toBe(0)
      expect(polled.filter((status) => status !== 200 && status !== 503 && status !== 'refused')).toEqual([])
      expect(polled).toContain(200)
      const answered = posted.filter((answer) => answer !== null)
      expect(answered.filter(({ status }) => status !== 201 && status !== 503)).toEqual([])
      await stack.api.start()
    },
    LIMIT_MS,
  )
})
