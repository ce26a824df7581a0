// The contract of `ticket-queue.ts` as tests. A new backend runs it and is done when it passes.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Consumer, DeviceClass, Ticket, TicketQueue } from './ticket-queue.js'

/** Long enough for a busy machine; a test that passes does not wait it out. */
const patienceMs = 20_000

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await sleep(10)
  }
}

const ticket = (ticketNo = 1, deviceClass: DeviceClass = 'cpu', jobId: string = randomUUID()): Ticket => ({
  jobId,
  ticketNo,
  deviceClass,
})
const idsOf = (tickets: Ticket[]) => tickets.map(({ jobId, ticketNo }) => `${jobId}-${ticketNo}`).sort()

/** A door for a handle to wait at until it is opened. */
function gate() {
  const event = new EventTarget()
  const opened = new Promise<void>((resolve) => event.addEventListener('open', () => resolve()))
  return { opened, open: () => void event.dispatchEvent(new Event('open')) }
}

/** `empty` makes a place without tickets and answers how to open a queue there; queues opened by one opener share their tickets. */
export function describeQueue(name: string, empty: () => Promise<() => Promise<TicketQueue>>) {
  describe(`ticket queue contract: ${name}`, () => {
    const queues: TicketQueue[] = []
    let open: () => Promise<TicketQueue>
    const openTracked = async () => {
      const queue = await open()
      queues.push(queue)
      return queue
    }
    beforeEach(async () => {
      open = await empty()
    })
    // A suite that leaves a queue open would not end: closing is part of what is tested.
    afterEach(async () => {
      await Promise.all(queues.splice(0).map((queue) => queue.close()))
    })

    test('every ticket is delivered once, as it was enqueued', async () => {
      const queue = await openTracked()
      const tickets = Array.from({ length: 50 }, (_, index) => ticket(index + 1))
      const seen: Ticket[] = []
      await queue.consume('cpu', { slots: 4 }, async (one) => void seen.push(one))

      await queue.enqueue(tickets)
      await until(() => seen.length >= tickets.length, 'all were delivered')
      await sleep(100)

      expect(idsOf(seen)).toEqual(idsOf(tickets))
      expect(seen.find(({ jobId }) => jobId === tickets[7]?.jobId)).toEqual(tickets[7])
      expect(await queue.depth('cpu')).toEqual({ waiting: 0, active: 0 })
    })

    test('a ticket that was there before any consumer is delivered', async () => {
      const queue = await openTracked()
      const early = ticket()
      await queue.enqueue([early])
      expect(await queue.depth('cpu')).toEqual({ waiting: 1, active: 0 })

      const seen: Ticket[] = []
      await queue.consume('cpu', { slots: 1 }, async (one) => void seen.push(one))
      await until(() => seen.length > 0, 'it was delivered')

      expect(seen).toEqual([early])
    })

    test('a ticket reaches a consumer that has been idle for a while', async () => {
      const queue = await openTracked()
      const seen: Ticket[] = []
      await queue.consume('cpu', { slots: 2 }, async (one) => void seen.push(one))
      await sleep(6500) // Longer than BullMQ's own blocking read of 5 s.

      const late = ticket()
      await queue.enqueue([late])
      await until(() => seen.length > 0, 'it was delivered')

      expect(seen).toEqual([late])
    })

    test('a device class sees only its own tickets', async () => {
      const queue = await openTracked()
      const [forCpu, forGpu] = [ticket(1, 'cpu'), ticket(1, 'gpu')]
      const seen: Record<DeviceClass, Ticket[]> = { cpu: [], gpu: [] }
      await queue.enqueue([forGpu, forCpu])

      await queue.consume('cpu', { slots: 2 }, async (one) => void seen.cpu.push(one))
      await until(() => seen.cpu.length > 0, 'the one for the CPU was delivered')
      expect(await queue.depth('gpu')).toEqual({ waiting: 1, active: 0 })
      await queue.consume('gpu', { slots: 2 }, async (one) => void seen.gpu.push(one))
      await until(() => seen.gpu.length > 0, 'the one for the GPU was delivered')

      expect(seen).toEqual({ cpu: [forCpu], gpu: [forGpu] })
    })

    test('at most `slots` handles run at once, and all slots are used', async () => {
      const queue = await openTracked()
      const doors = new Map<string, ReturnType<typeof gate>>()
      let running = 0
      let most = 0
      await queue.enqueue(Array.from({ length: 9 }, (_, index) => ticket(index + 1)))

      await queue.consume('cpu', { slots: 3 }, async ({ jobId }) => {
        const door = gate()
        doors.set(jobId, door)
        most = Math.max(most, ++running)
        await door.opened
        running--
      })
      await until(() => running === 3, 'three run')
      await sleep(200)
      expect(await queue.depth('cpu')).toEqual({ waiting: 6, active: 3 })
      let finished = 0
      while (finished < 9) {
        await until(() => doors.size > 0, 'another one began')
        for (const [jobId, door] of doors) {
          doors.delete(jobId)
          door.open()
          finished++
        }
      }
      await until(() => running === 0, 'all ended')

      expect(most).toBe(3)
    })

    test('the same ticket again while it waits or runs changes nothing; afterwards it is new', async () => {
      const queue = await openTracked()
      const door = gate()
      const twice = ticket()
      let deliveries = 0
      await queue.enqueue([twice, twice])
      await queue.enqueue([twice])
      await queue.consume('cpu', { slots: 4 }, async () => {
        deliveries++
        await door.opened
      })
      await until(() => deliveries > 0, 'it was delivered')

      await queue.enqueue([twice])
      await sleep(200)
      expect(deliveries).toBe(1)
      door.open()
      await until(async () => (await queue.depth('cpu')).active === 0, 'it ended')
      await queue.enqueue([twice])
      await until(() => deliveries > 1, 'it was delivered again')

      expect(deliveries).toBe(2)
    })

    test('two tickets of one job are two tickets', async () => {
      const queue = await openTracked()
      const jobId = randomUUID()
      const seen: Ticket[] = []
      await queue.enqueue([ticket(1, 'cpu', jobId), ticket(2, 'cpu', jobId)])

      await queue.consume('cpu', { slots: 1 }, async (one) => void seen.push(one))
      await until(() => seen.length > 1, 'both were delivered')

      expect(idsOf(seen)).toEqual([`${jobId}-1`, `${jobId}-2`])
    })

    test('a handle that throws is reported, is not repeated, and loses no later ticket', async () => {
      const queue = await openTracked()
      const tickets = Array.from({ length: 6 }, (_, index) => ticket(index + 1))
      const seen: Ticket[] = []
      const failures: [string, number][] = []
      const onError = (error: unknown, { ticketNo }: Ticket) => void failures.push([String(error), ticketNo])
      await queue.consume('cpu', { slots: 1, onError }, async (one) => {
        seen.push(one)
        if (one.ticketNo % 2 === 1) throw new Error('boom')
      })

      await queue.enqueue(tickets)
      await until(() => seen.length >= 6, 'all were delivered')
      await sleep(100)

      expect(idsOf(seen)).toEqual(idsOf(tickets))
      expect(failures.sort(([, a], [, b]) => a - b)).toEqual([1, 3, 5].map((number) => ['Error: boom', number]))
    })

    test('several consumers share the tickets without repeating one', async () => {
      const [one, other] = [await openTracked(), await openTracked()]
      const tickets = Array.from({ length: 40 }, (_, index) => ticket(index + 1))
      const seen: Ticket[] = []
      for (const queue of [one, other])
        await queue.consume('cpu', { slots: 2 }, async (ticketSeen) => {
          seen.push(ticketSeen)
          await sleep(5)
        })

      await Promise.all([one.enqueue(tickets.slice(0, 25)), other.enqueue(tickets.slice(15))])
      await until(async () => seen.length >= 40 && (await one.depth('cpu')).active === 0, 'all were handled')

      expect(new Set(idsOf(seen)).size).toBe(40)
    })

    test('close waits for the running handle and leaves the others in the queue', async () => {
      const queue = await openTracked()
      const door = gate()
      const seen: Ticket[] = []
      let ended = false
      const consumer = await queue.consume('cpu', { slots: 1 }, async (one) => {
        seen.push(one)
        await door.opened
        ended = true
      })
      await queue.enqueue([ticket(1), ticket(2)])
      await until(() => seen.length === 1, 'one runs')

      let closed = false
      const closing = consumer.close().then(() => (closed = true))
      await sleep(300)
      expect(closed).toBe(false)
      door.open()
      await closing

      expect(ended).toBe(true)
      expect(seen).toHaveLength(1)
      await until(async () => (await queue.depth('cpu')).active === 0, 'nothing is active')
      expect((await queue.depth('cpu')).waiting).toBe(1)
    })

    test('close with a time limit comes back while the handle still runs', async () => {
      const queue = await openTracked()
      const door = gate()
      let running = 0
      const consumer = await queue.consume('cpu', { slots: 1 }, async () => {
        running++
        await door.opened
        running--
      })
      await queue.enqueue([ticket()])
      await until(() => running === 1, 'it runs')

      await consumer.close({ timeoutMs: 100 })
      expect(running).toBe(1)
      door.open()
      await until(() => running === 0, 'it ended')
    })

    test('tickets that race a closing consumer are handled or stay for the next one', async () => {
      const queue = await openTracked()
      const seen: Ticket[] = []
      const sent: Ticket[] = []
      for (let round = 0; round < 8; round++) {
        const consumer = await queue.consume('cpu', { slots: 2 }, async (one) => void seen.push(one))
        const tickets = [ticket(1), ticket(2)]
        sent.push(...tickets)
        const enqueued = queue.enqueue(tickets)
        if (round % 2 === 1) await enqueued
        await consumer.close()
        await enqueued
      }
      const last = await queue.consume('cpu', { slots: 2 }, async (one) => void seen.push(one))
      await until(() => seen.length >= sent.length, 'none was lost')
      await last.close()

      expect(idsOf(seen)).toEqual(idsOf(sent))
    })

    test('closing is quick when nothing runs, and again is nothing', async () => {
      const queue = await openTracked()
      const consumer: Consumer = await queue.consume('gpu', { slots: 2 }, async () => {})

      await consumer.close()
      await consumer.close()
      await queue.close()
      await queue.close()
    })

    test('a closed queue refuses calls at once', async () => {
      const queue = await openTracked()
      await queue.close()

      const refused = { code: 'shutting-down' }
      await expect(queue.enqueue([ticket()])).rejects.toMatchObject(refused)
      await expect(queue.depth('cpu')).rejects.toMatchObject(refused)
      await expect(queue.ping()).rejects.toMatchObject(refused)
      await expect(queue.consume('cpu', { slots: 1 }, async () => {})).rejects.toMatchObject(refused)
    })

    test('an enqueue that races the closing of its queue settles', async () => {
      const queue = await openTracked()

      const results = [queue.enqueue([ticket()]), queue.close(), queue.enqueue([ticket()])]

      await Promise.allSettled(results)
    })

    test('an empty batch is nothing, a batch of a thousand is enqueued whole', async () => {
      const queue = await openTracked()

      await queue.enqueue([])
      await queue.enqueue(Array.from({ length: 1000 }, (_, index) => ticket(index + 1)))

      expect(await queue.depth('cpu')).toEqual({ waiting: 1000, active: 0 })
    })

    test('ping answers', async () => {
      await (await openTracked()).ping()
    })
  })
}

/** Breaks and restores the way to a server whose data stays. */
export interface Outage {
  cut(): Promise<void>
  mend(): Promise<void>
  stop(): Promise<void>
}

/** What a backend does while its server is away. */
export function describeQueueOutage(name: string, open: () => Promise<{ queue: TicketQueue; server: Outage }>) {
  describe(`ticket queue in an outage: ${name}`, () => {
    test('calls are dependency-unavailable, and both sides go on when the server is back', async () => {
      const { queue, server } = await open()
      const seen: Ticket[] = []
      await queue.consume('cpu', { slots: 1 }, async (one) => void seen.push(one))
      await queue.enqueue([ticket(1)])
      await until(() => seen.length === 1, 'the first was delivered')

      await server.cut()
      const unavailable = { code: 'dependency-unavailable', detail: expect.stringContaining(name) }
      await expect(queue.enqueue([ticket(2)])).rejects.toMatchObject(unavailable)
      await expect(queue.depth('cpu')).rejects.toMatchObject(unavailable)
      await expect(queue.ping()).rejects.toMatchObject(unavailable)
      await server.mend()
      const third = ticket(3)
      await until(
        () =>
          queue.enqueue([third]).then(
            () => true,
            () => false,
          ),
        'the queue takes tickets again',
      )
      await until(() => seen.some(({ ticketNo }) => ticketNo === 3), 'the consumer takes tickets again')

      await queue.close()
      await server.stop()
    })

    test('a queue can be closed while the server is away', async () => {
      const { queue, server } = await open()
      await queue.consume('cpu', { slots: 1 }, async () => {})
      await server.cut()

      await queue.close()
      await server.stop()
    })
  })
}
