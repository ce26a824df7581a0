import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type ProcessStack, smallJob, startProcessStack } from '@kantor/testing'
import { isFull, LIMIT_MS, until, Victims } from './rig.js'

const NUM_WRITERS = 16

describe('Postgres', () => {
  let stack: ProcessStack
  let victims: Victims
  beforeAll(async () => {
    stack = await startProcessStack({ leaseSeconds: isFull ? 60 : 6 })
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  afterEach(() => victims.expectInvariants(), LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  test(
    'F8: kill -9 under 16 writers loses nothing that was acknowledged, and meanwhile says so',
    async () => {
      const { url, dataset, db } = stack
      const body = JSON.stringify(smallJob({ name: 'F8', dataset, generatorSteps: 1 }))
      const [acknowledged, refusals] = [
        [] as string[],
        [] as { status: number; type: string | null; retry: string | null }[],
      ]
      const enough = new AbortController()
      const write = async () => {
        while (!enough.signal.aborted) {
          const reply = await fetch(`${url}/jobs`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          })
          const answer = (await reply.json()) as { id: string }
          const { status, headers } = reply
          if (status === 201) acknowledged.push(answer.id)
          else refusals.push({ status, type: headers.get('content-type'), retry: headers.get('retry-after') })
          // Refused for another reason than the outage: no use to go on.
          if (status >= 400 && status < 500) return
        }
      }
      const writers = Array.from({ length: NUM_WRITERS }, write)
      await until(() => acknowledged.length >= NUM_WRITERS || refusals.length > 0)
      expect(refusals).toEqual([])

      await stack.postgres.kill()
      await until(() => refusals.length >= NUM_WRITERS)
      await stack.postgres.restart()
      const before = acknowledged.length
      await until(() => acknowledged.length >= before + NUM_WRITERS)
      enough.abort()
      await Promise.all(writers)

      const { rows } = await db.pool.query<{ id: string }>(`SELECT id FROM job WHERE name = 'F8'`)
      const present = new Set(rows.map(({ id }) => id))
      expect(acknowledged.filter((id) => !present.has(id))).toEqual([])
      for (const { status, type, retry } of refusals) {
        expect({ status, type }).toEqual({ status: 503, type: expect.stringContaining('application/problem+json') })
        expect(Number(retry)).toBeGreaterThan(0)
      }
      // They have shown what they had to.
      const open = `SELECT id FROM job WHERE state NOT IN ('succeeded', 'cancelled')`
      for (const { id } of rows) await stack.client.cancelJob({ params: { id } }).catch(() => {})
      await until(async () => (await db.pool.query(open)).rowCount === 0)
    },
    LIMIT_MS,
  )

  test(
    'F9: standing still for longer than a lease while a job trains: the worker lets go by itself, and the job goes on from its checkpoint',
    async () => {
      const { id } = await victims.submit('F9')
      await victims.underway(id)
      const [worker] = stack.workers
      const before = worker!.lines.length

      stack.postgres.signal('SIGSTOP')
      try {
        // Told by the worker's own clock, before the database could have given the job away.
        await until(() => worker!.lines.slice(before).some(({ msg }) => msg.includes('giving the attempt up')))
        await sleep(isFull ? 45_000 : 3_000)
      } finally {
        stack.postgres.signal('SIGCONT')
      }

      await victims.end(id)
      expect((await victims.look(id)).epoch).toBe(2)
    },
    LIMIT_MS,
  )
})
