import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import { until } from './conformance.js'
import { openQueue } from './open-queue.js'
import type { Ticket } from './ticket-queue.js'

// Module level: which backends exist must be known before the tests run.
const services = await startServices({ s3: false })
afterAll(() => services.stop())

const built = new URL('../dist/index.js', import.meta.url)
if (!existsSync(fileURLToPath(built))) throw new Error('packages/queue is not built: run "npx tsc -b packages/queue"')
/** Short, so that a dead consumer is noticed within the test. */
const lockTimes = { lockMs: 1500, stalledMs: 500 }

/** A process that takes one ticket and keeps it until it is killed. */
async function consumerThatHoldsOne(options: object) {
  const script = `
    import { openQueue } from ${JSON.stringify(built.href)}
    const queue = await openQueue(${JSON.stringify({ ...options, lockTimes })})
    await queue.consume('cpu', { slots: 1 }, (ticket) => new Promise(() => console.log('took ' + ticket.ticketNo)))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return {
    took: () => until(() => output.includes('took'), 'the other process took the ticket'),
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

const backends: [string, () => Promise<{ redisUrl?: string; databaseUrl: string }>][] = [
  ['Postgres', async () => ({ databaseUrl: await services.createDatabase() })],
]
const { redisUrl } = services
if (redisUrl) backends.push(['Redis', async () => ({ redisUrl, databaseUrl: 'postgresql://127.0.0.1:1/unused' })])

describe.each(backends)('a consumer that is killed (%s)', (_name, place) => {
  test('its ticket is delivered again, and the next ticket does not wait for that', async () => {
    const options = await place()
    const queue = await openQueue({ ...options, lockTimes })
    const [held, next] = [1, 2].map((ticketNo): Ticket => ({ jobId: 'job', ticketNo, deviceClass: 'cpu' })) as [
      Ticket,
      Ticket,
    ]
    const dying = await consumerThatHoldsOne(options)
    await queue.enqueue([held])
    await dying.took()
    expect(await queue.depth('cpu')).toEqual({ waiting: 0, active: 1 })

    await dying.kill()
    const seen: Ticket[] = []
    await queue.consume('cpu', { slots: 1 }, async (ticket) => void seen.push(ticket))
    await queue.enqueue([next])
    await until(() => seen.length >= 2, 'both were delivered')

    expect(seen).toEqual([next, held])
    await until(async () => (await queue.depth('cpu')).active === 0, 'nothing is left')
    await queue.close()
  })

  test('a handle that runs longer than the lock is not taken away while its process lives', async () => {
    const options = await place()
    const [one, other] = [await openQueue({ ...options, lockTimes }), await openQueue({ ...options, lockTimes })]
    let deliveries = 0
    let finished = 0
    for (const queue of [one, other])
      await queue.consume('cpu', { slots: 1 }, async () => {
        deliveries++
        await new Promise((resolve) => setTimeout(resolve, 3 * lockTimes.lockMs))
        finished++
      })

    await one.enqueue([{ jobId: 'long', ticketNo: 1, deviceClass: 'cpu' }])
    await until(() => finished === 1, 'it ended')

    expect(deliveries).toBe(1)
    await Promise.all([one.close(), other.close()])
  })
})
