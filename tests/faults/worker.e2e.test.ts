import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { reconcile } from '@kantor/db'
import { childrenOf, clockSkew, type ProcessStack, type ServiceProcess, startProcessStack } from '@kantor/testing'
import { backends, isFull, LIMIT_MS, until, Victims } from './rig.js'

const leaseSeconds = isFull ? 60 : 6
/** Long enough for a silent worker's job to be given away. */
const SILENCE_MS = isFull ? 120_000 : 9_000

const saw = (from: ServiceProcess, msg: RegExp, since = 0) => from.lines.slice(since).some((line) => msg.test(line.msg))

describe.each(backends)('a worker, tickets in %s', (backend) => {
  let stack: ProcessStack
  let victims: Victims
  let worker: ServiceProcess
  beforeAll(async () => {
    stack = await startProcessStack({ redis: backend === 'redis', leaseSeconds })
    worker = stack.workers[0]!
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  afterEach(async () => {
    await victims.expectInvariants()
  }, LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  const trainers = () => childrenOf(worker.pid!)

  test(
    'F12: kill -9 of the supervisor in mid step: its trainer ends, another attempt ends with the same bits',
    async () => {
      const { id } = await victims.submit('F12')
      await victims.underway(id)
      const orphans = trainers()
      expect(orphans).toHaveLength(1)

      await worker.kill()

      await until(() => orphans.every((pid) => !isAlive(pid)))
      expect((await victims.look(id)).state).toBe('running')
      await worker.start()
      await victims.end(id)
      expect((await victims.look(id)).epoch).toBe(2)
      const events = await stack.client.listEvents({ params: { id } })
      expect(events.items.map(({ reason }) => reason)).toContain('lease_expired')
    },
    LIMIT_MS,
  )

  test(
    'F16: a worker that stood still and wakes up after its job was given away changes nothing',
    async () => {
      const { id } = await victims.submit('F16')
      await victims.underway(id)
      const other = stack.newWorker()
      const zombie = [worker.pid!, ...trainers()]
      const before = worker.lines.length
      for (const pid of zombie) process.kill(pid, 'SIGSTOP')

      await Promise.all([sleep(SILENCE_MS), other.start()])
      await until(async () => (await victims.look(id)).epoch === 2)
      for (const pid of zombie) process.kill(pid, 'SIGCONT')

      await until(() => saw(worker, /belongs to another attempt/, before))
      await victims.end(id)
      expect(await victims.look(id)).toMatchObject({ epoch: 2 })
      expect(await other.stop()).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    'F16: a worker that does not know yet that its job was given away is refused every write, and each refusal is counted',
    async () => {
      const { id } = await victims.submit('F16 unaware')
      await victims.underway(id)
      const before = worker.lines.length
      // As if the database's clock had jumped: the worker has every reason to believe in its lease.
      await until(async () => {
        await stack.db.pool.query(`UPDATE job SET lease_until = now() - interval '1 s' WHERE id = $1`, [id])
        // At once, before the next renewal.
        return (await reconcile(stack.db)).requeued
      })
      // No other worker is there, so the same one must let go of it before it takes it again.
      await until(() => saw(worker, /belongs to another attempt/, before))
      await victims.end(id)
      const { items } = await stack.client.listAttempts({ params: { id } })
      expect(items.map(({ fencedWrites }) => fencedWrites)).toEqual([expect.any(Number), 0])
      expect(items[0]!.fencedWrites).toBeGreaterThan(0)
      expect((await victims.look(id)).epoch).toBe(2)
    },
    LIMIT_MS,
  )

  test(
    'F17: a worker whose clock is an hour off, either way, takes nothing that is not its own',
    async () => {
      const hour = 3600_000
      const { id } = await victims.submit('F17')
      await victims.underway(id)
      const early = stack.newWorker(clockSkew(-hour))
      const late = stack.newWorker(clockSkew(hour))
      await Promise.all([early.start(), late.start()])
      expect(Math.abs(Date.parse(String(late.lines[0]!['time'])) - Date.now() - hour)).toBeLessThan(600_000)
      // More work than the honest worker's one slot takes, so that all three have some.
      const more = await Promise.all(Array.from({ length: 5 }, (_, i) => victims.submit(`F17 ${i}`)))

      for (const job of [{ id }, ...more]) await victims.end(job.id)
      if (isFull) await sleep(SILENCE_MS)

      for (const job of [{ id }, ...more]) expect((await victims.look(job.id)).epoch).toBe(1)
      for (const skewed of [early, late]) {
        expect(saw(skewed, /^attempt ended/)).toBe(true)
        expect(await skewed.stop()).toBe(0)
      }
    },
    LIMIT_MS,
  )

  const preempted = async (id: string, attempt: number) => {
    expect(await worker.stop()).toBe(0)
    expect(await victims.look(id)).toMatchObject({ state: 'queued', epoch: attempt, crashes: 0 })
    await worker.start()
    await victims.end(id)
  }

  describe('F20: SIGTERM', () => {
    test(
      'in mid step hands the job back with its last step saved',
      async () => {
        const { id } = await victims.submit('F20 step')
        await victims.underway(id)

        await preempted(id, 1)

        expect((await victims.look(id)).epoch).toBe(2)
      },
      LIMIT_MS,
    )

    test(
      'in mid upload',
      async () => {
        const { id } = await victims.submit('F20 upload')
        await victims.underway(id)
        const commits = worker.lines.length
        // The next checkpoint's commit is told after its row: the one behind it is on its way.
        await until(() => saw(worker, /^checkpoint committed/, commits))

        await preempted(id, 1)
      },
      LIMIT_MS,
    )

    test(
      'while the job is being resumed',
      async () => {
        const { id } = await victims.submit('F20 resume')
        await victims.underway(id)
        expect(await worker.stop()).toBe(0)
        await worker.start()
        await until(() =>
          worker.lines.some((line) => line.msg === 'claimed' && line['jobId'] === id && line['attempt'] === 2),
        )

        await preempted(id, 2)
      },
      LIMIT_MS,
    )

    test(
      'while the job is being claimed',
      async () => {
        const [{ id }, code] = await Promise.all([victims.submit('F20 claim'), worker.stop()])

        expect(code).toBe(0)
        expect(await victims.look(id)).toMatchObject({ state: 'queued', crashes: 0 })
        await worker.start()
        await victims.end(id)
      },
      LIMIT_MS,
    )
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
