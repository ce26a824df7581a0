import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { getJob, migrate, openDatabase, registerWorker } from '@kantor/db'
import { openQueue, type Ticket, type TicketQueue } from '@kantor/queue'
import { createLogger } from '@kantor/runtime'
import { type Proxy, type Services, startProxy, startServices, throughProxy } from '@kantor/testing'
import { claim, openRig, type Rig, submit } from '../tests/rig.js'
import { type Dispatcher, startDispatcher } from './dispatcher.js'

let services: Services
let rig: Rig
let queue: TicketQueue
const log = createLogger({ logLevel: 'silent' }, 'test')
const running: Dispatcher[] = []
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  queue = await openQueue({ databaseUrl: services.databaseUrl })
  await registerWorker(rig.db, {
    id: 'worker-1',
    host: 'here',
    pid: 1,
    deviceClass: 'cpu',
    device: 'cpu',
    slots: 50,
    versions: {},
  })
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((dispatcher) => dispatcher.close()))
})
afterAll(async () => {
  await queue.close()
  await rig.close()
  await services.stop()
})

function start(options: Partial<Parameters<typeof startDispatcher>[0]> = {}): Dispatcher {
  const dispatcher = startDispatcher({ db: rig.db, queue, store: rig.store, log, leadEveryMs: 50, ...options })
  running.push(dispatcher)
  return dispatcher
}

/** Remembers what it is given; fails while `isDown`. */
function aRecorder() {
  const tickets: Ticket[] = []
  return {
    tickets,
    isDown: false,
    async enqueue(more: Ticket[]) {
      if (this.isDown) throw new Error('the queue is away')
      tickets.push(...more)
    },
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const since = performance.now()
  while (!(await condition())) {
    if (performance.now() - since > 30_000) throw new Error(`this never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const of = (tickets: Ticket[], jobId: string) => tickets.filter((ticket) => ticket.jobId === jobId)
const forget = (jobId: string) =>
  rig.db.pool.query(`UPDATE job SET ticketed_at = now() - interval '1 minute' WHERE id = $1`, [jobId])

describe('the dispatcher', () => {
  test('brings a queued job to a consumer of the real queue', async () => {
    const handled: Ticket[] = []
    const consumer = await queue.consume('cpu', { slots: 5 }, async (ticket) => void handled.push(ticket))
    start()
    const job = await submit(rig)
    await until('the ticket', () => of(handled, job.id).length > 0)
    await consumer.close()

    expect(of(handled, job.id)).toEqual([{ jobId: job.id, ticketNo: 1, deviceClass: 'cpu' }])
  })

  test('looks at once when it is woken', async () => {
    const recorder = aRecorder()
    // Looks only once an hour by itself.
    const dispatcher = start({ queue: recorder, drawEveryMs: 3_600_000 })
    const first = await submit(rig)
    await until('the first look', () => of(recorder.tickets, first.id).length > 0 || (dispatcher.wake(), false))
    const second = await submit(rig)
    dispatcher.wake()

    await until('the second job', () => of(recorder.tickets, second.id).length > 0)
  })

  test('gives a job that was forgotten a new ticket with the next number', async () => {
    const recorder = aRecorder()
    start({ queue: recorder, drawEveryMs: 20 })
    const job = await submit(rig)
    await until('a ticket', () => of(recorder.tickets, job.id).length === 1)
    await forget(job.id)
    await until('another', () => of(recorder.tickets, job.id).length === 2)

    expect(of(recorder.tickets, job.id).map((ticket) => ticket.ticketNo)).toEqual([1, 2])
  })

  test('keeps drawn tickets while the queue is away, and still takes back expired leases', async () => {
    const recorder = aRecorder()
    recorder.isDown = true
    const job = await submit(rig)
    const held = await submit(rig)
    await claim(rig.db, held)
    start({ queue: recorder, drawEveryMs: 20, reconcileEveryMs: 20 })
    await rig.db.pool.query(`UPDATE job SET lease_until = now() - interval '1 s' WHERE id = $1`, [held.id])
    await until('the job taken back', async () => (await getJob(rig.db, held.id))?.state === 'queued')
    expect(recorder.tickets).toEqual([])
    recorder.isDown = false

    await until('the ticket', () => of(recorder.tickets, job.id).length > 0)
    expect(of(recorder.tickets, job.id)[0]!.ticketNo).toBe(1)
  })

  test('of two instances one draws, and the other takes over when it ends', async () => {
    const recorders = [aRecorder(), aRecorder()] as const
    const first = start({ queue: recorders[0], drawEveryMs: 20 })
    const job = await submit(rig)
    await until('the first leads', () => of(recorders[0].tickets, job.id).length > 0)
    start({ queue: recorders[1], drawEveryMs: 20 })
    for (let i = 0; i < 5; i++) await submit(rig)
    const last = await submit(rig)
    await until('all drawn', () => of(recorders[0].tickets, last.id).length > 0)
    expect(recorders[1].tickets).toEqual([])

    await first.close()
    const next = await submit(rig)
    await until('the second leads', () => of(recorders[1].tickets, next.id).length > 0)
    expect(of(recorders[0].tickets, next.id)).toEqual([])
  })

  test('goes on after the database was away', async () => {
    const proxy: Proxy = await startProxy(Number(new URL(services.databaseUrl).port))
    const db = await openDatabase(throughProxy(services.databaseUrl, proxy))
    const recorder = aRecorder()
    const dispatcher = start({ db, queue: recorder, drawEveryMs: 20 })
    const before = await submit(rig)
    await until('a ticket', () => of(recorder.tickets, before.id).length > 0)
    await proxy.cut()
    const during = await submit(rig)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await proxy.mend()

    await until('a ticket after the outage', () => of(recorder.tickets, during.id).length > 0)
    await dispatcher.close()
    await db.close()
    await proxy.stop()
  })
})

describe('an outage of the database', () => {
  test('row 55: is a 503 that says when to try again, and ends by itself', async () => {
    await migrate(services.databaseUrl)
    const proxy = await startProxy(Number(new URL(services.databaseUrl).port))
    const cut = await openRig({ databaseUrl: throughProxy(services.databaseUrl, proxy), directory: services.directory })
    expect((await cut.askBare({ url: '/readyz' })).json()).toEqual({
      status: 'ok',
      checks: { database: 'ok', queue: 'ok', store: 'ok' },
    })
    await proxy.cut()

    const response = await cut.ask({ url: '/jobs' })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '5'])
    expect(response.json()).toMatchObject({ code: 'dependency-unavailable' })
    expect(response.body).not.toMatch(/127\.0\.0\.1|ECONN|password/)
    expect((await cut.askBare({ url: '/healthz' })).statusCode).toBe(200)
    await until('not ready', async () => (await cut.askBare({ url: '/readyz' })).statusCode === 503)
    expect((await cut.askBare({ url: '/readyz' })).json()).toMatchObject({
      checks: { database: 'unavailable', store: 'ok' },
    })

    await proxy.mend()
    await until('working again', async () => (await cut.ask({ url: '/jobs' })).statusCode === 200)
    await until('ready again', async () => (await cut.askBare({ url: '/readyz' })).statusCode === 200)
    await cut.close()
    await proxy.stop()
  })
})
