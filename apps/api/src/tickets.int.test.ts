// What becomes of jobs when tickets are lost, doubled, or cannot be put into the queue: real dispatcher, real queue, real claims.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Job } from '@kantor/contracts'
import { claimJob, type Database, drawTickets, finishAttempt, openDatabase, registerWorker } from '@kantor/db'
import { openQueue, type TicketQueue } from '@kantor/queue'
import { createLogger } from '@kantor/runtime'
import { checkInvariants, type Proxy, startProxy, startServices, throughProxy } from '@kantor/testing'
import { aBody, openRig, replyOf, type Rig } from '../tests/rig.js'
import { type Dispatcher, startDispatcher } from './dispatcher.js'

// Module level: which backends exist must be known before the tests run.
const services = await startServices({ s3: false })
afterAll(() => services.stop())
const { redisServer, redisUrl } = services
const backends = (['postgres', 'redis'] as const).filter((name) => name === 'postgres' || redisUrl !== undefined)

const log = createLogger({ logLevel: 'silent' }, 'test')

const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
  const since = performance.now()
  while (!(await holds())) {
    if (performance.now() - since > 50_000) throw new Error(`this never came: ${what}`)
    await sleep(20)
  }
}

describe.each(backends)('tickets in %s', (backend) => {
  let rig: Rig
  let databaseUrl: string
  const opened: { close(): Promise<void> }[] = []
  beforeAll(async () => {
    databaseUrl = await services.createDatabase()
    rig = await openRig({ databaseUrl, directory: services.directory })
  })
  afterAll(() => rig.close())
  beforeEach(async () => {
    await rig.db.pool.query('TRUNCATE worker, job CASCADE')
    await loseTickets()
  })
  afterEach(async () => {
    for (const one of opened.splice(0).toReversed()) await one.close()
  })

  async function open(url = redisUrl): Promise<TicketQueue> {
    const queue = await openQueue({ databaseUrl, redisUrl: backend === 'redis' ? url : undefined })
    opened.push(queue)
    return queue
  }
  /** All that a backend holds is gone, as after FLUSHALL or a lost volume. */
  async function loseTickets(): Promise<void> {
    if (backend === 'redis') {
      await redisServer!.flush()
    } else {
      const { rows } = await rig.db.pool.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
         WHERE schemaname = 'bullmq' AND tablename NOT LIKE '%migration%'`,
      )
      if (rows.length > 0) await rig.db.pool.query(`TRUNCATE ${rows.map(({ name }) => name).join(', ')} CASCADE`)
    }
  }
  /** Tickets are drawn anew after a while; here it has passed. */
  const letTimePass = () =>
    rig.db.pool.query(`UPDATE job SET ticketed_at = now() - interval '1 minute' WHERE ticketed_at IS NOT NULL`)

  function dispatch(queue: Pick<TicketQueue, 'enqueue'>, db: Database = rig.db): Dispatcher {
    const dispatcher = startDispatcher({
      db,
      queue,
      store: rig.store,
      log,
      leadEveryMs: 50,
      drawEveryMs: 50,
      reconcileEveryMs: 200,
    })
    opened.push(dispatcher)
    return dispatcher
  }
  async function submitMany(n: number): Promise<Job[]> {
    const jobs = Array.from({ length: n }, (_, index) => aBody({ name: `job ${index}` }))
    const answer = await rig.ask({ method: 'POST', url: '/jobs/batch', payload: { jobs } })
    return (replyOf('createJobs', answer) as { items: Job[] }).items
  }
  /** A worker without a trainer: claims and finishes at once. Which jobs it claimed, how often it was refused. */
  async function aWorker(queue: TicketQueue, slots: number, id = 'worker-1', atOnce = Math.min(slots, 8)) {
    const seen = { claimed: [] as string[], refused: 0 }
    await registerWorker(rig.db, { id, host: 'h', pid: 1, deviceClass: 'cpu', device: 'cpu', slots, versions: {} })
    await queue.consume('cpu', { slots: atOnce }, async ({ jobId, ticketNo }) => {
      const claim = await claimJob(rig.db, { jobId, ticketNo, workerId: id, leaseSeconds: 60 })
      if (!claim) return void (seen.refused += 1)
      seen.claimed.push(jobId)
      await finishAttempt(rig.db, { jobId, epoch: claim.epoch }, { to: 'failed', reason: 'trainer_error' })
    })
    return seen
  }
  /** Every job was claimed exactly once, and the database holds together. */
  async function expectOnceEach(jobs: Job[], claimed: string[]) {
    expect(claimed.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
    const { rows } = await rig.db.pool.query('SELECT count(*)::int AS n FROM attempt')
    expect(rows).toEqual([{ n: jobs.length }])
    expect(await checkInvariants(rig.db, rig.store, { acknowledged: jobs.map(({ id }) => id) })).toEqual([])
  }

  test('F4: a dispatcher that died after it filled the queue, before it knew: tickets twice, every job runs once', async () => {
    const queue = await open()
    await registerWorker(rig.db, {
      id: 'worker-1',
      host: 'h',
      pid: 1,
      deviceClass: 'cpu',
      device: 'cpu',
      slots: 10,
      versions: {},
    })
    const jobs = await submitMany(20)
    const first = dispatch(queue)
    await until('all tickets', async () => (await queue.depth('cpu')).waiting === 20)
    await first.close()
    // What it did is forgotten, what it put into the queue is not.
    await letTimePass()
    dispatch(queue)
    await until('them again', async () => (await queue.depth('cpu')).waiting === 40)

    const seen = await aWorker(queue, 10)
    await until('no ticket', async () => seen.claimed.length + seen.refused >= 40)
    await expectOnceEach(jobs, seen.claimed)
    expect(seen.refused).toBe(20)
  })

  test('F5: all tickets lost with 500 jobs queued: all start all the same', async () => {
    const queue = await open()
    await registerWorker(rig.db, {
      id: 'worker-1',
      host: 'h',
      pid: 1,
      deviceClass: 'cpu',
      device: 'cpu',
      slots: 250,
      versions: {},
    })
    const jobs = await submitMany(500)
    dispatch(queue)
    await until('all tickets', async () => (await queue.depth('cpu')).waiting === 500)

    await loseTickets()
    await letTimePass()
    const seen = await aWorker(queue, 250)
    await until('all claimed', () => seen.claimed.length >= 500)
    await expectOnceEach(jobs, seen.claimed)
  })

  test('F28: a ticket a hundred times over, in whatever number, is one claim', async () => {
    const queue = await open()
    const seen = await aWorker(queue, 8)
    const jobs = await submitMany(1)
    const [drawn] = await drawTickets(rig.db)
    const forged = Array.from({ length: 99 }, (_, index) => ({ ...drawn!, ticketNo: 1000 + index }))
    await queue.enqueue([...forged.slice(0, 50), drawn!, ...forged.slice(50)])

    await until('all handled', () => seen.claimed.length + seen.refused >= 100)
    await expectOnceEach(jobs, seen.claimed)
    expect(seen.refused).toBe(99)
  })

  test('a job that gets more urgent goes before those whose tickets were out already, and so does an urgent new one', async () => {
    const queue = await open()
    const worker = {
      id: 'worker-1',
      host: 'h',
      pid: 1,
      deviceClass: 'cpu',
      device: 'cpu',
      slots: 2,
      versions: {},
    } as const
    await registerWorker(rig.db, worker)
    const jobs = await submitMany(6)
    const dispatcher = dispatch(queue)
    await until('four tickets', async () => (await queue.depth('cpu')).waiting === 4)

    const [last, beforeLast] = [jobs.at(-1)!, jobs.at(-2)!]
    for (const [{ id }, priority] of [
      [last, 5],
      [beforeLast, 7],
    ] as const) {
      const answer = await rig.ask({ method: 'PATCH', url: `/jobs/${id}`, payload: { priority } })
      expect(answer.statusCode).toBe(200)
    }
    const urgent = replyOf(
      'createJob',
      await rig.ask({ method: 'POST', url: '/jobs', payload: aBody({ priority: 6 }) }),
    )
    dispatcher.wake()
    const nextFour = [last, urgent as Job, beforeLast, jobs[0]!].map(({ id }) => id)
    await until('their tickets, and all that were drawn in the queue', async () => {
      const { rows } = await rig.db.pool.query<{ drawn: number; held: number }>(
        'SELECT sum(ticket_no)::int AS drawn, count(ticketed_at) FILTER (WHERE id = ANY($1))::int AS held FROM job',
        [nextFour],
      )
      return rows[0]!.held === 4 && (await queue.depth('cpu')).waiting === rows[0]!.drawn
    })
    // Those from before are in the queue still, and no good any more.
    expect((await queue.depth('cpu')).waiting).toBeGreaterThan(4)
    // One claim at a time: of two at once, the second may be overtaken by the third.
    const seen = await aWorker(queue, 2, worker.id, 1)
    const all = [...jobs, urgent as Job]
    await until('all claimed', () => seen.claimed.length === all.length)

    expect(seen.claimed.slice(0, 4)).toEqual(nextFour)
    await expectOnceEach(all, seen.claimed)
  })

  test('F32: three dispatchers at once, leaders one after the other: nothing twice', async () => {
    const queue = await open()
    const dispatchers = []
    for (let i = 0; i < 3; i++) dispatchers.push(dispatch(await open(), await openAnother()))
    const seen = await aWorker(queue, 20)
    const jobs = await submitMany(100)
    await until('some', () => seen.claimed.length > 10)
    await dispatchers[0]!.close()
    jobs.push(...(await submitMany(100)))
    await until('more', () => seen.claimed.length > 110)
    await dispatchers[1]!.close()
    jobs.push(...(await submitMany(100)))

    await until('all', () => seen.claimed.length >= 300)
    await expectOnceEach(jobs, seen.claimed)
  })

  async function openAnother(): Promise<Database> {
    const db = await openDatabase(databaseUrl, { maxConnections: 3 })
    opened.unshift(db)
    return db
  }

  test('F10: a listener that is cut off from the server takes the next job all the same', async () => {
    const proxy: Proxy = await startProxy(Number(new URL(backend === 'redis' ? redisUrl! : databaseUrl).port))
    opened.push({ close: () => proxy.stop() })
    const far = await openQueue(
      backend === 'redis'
        ? { databaseUrl, redisUrl: throughProxy(redisUrl!, proxy) }
        : { databaseUrl: throughProxy(databaseUrl, proxy) },
    )
    opened.push(far)
    const seen = await aWorker(far, 2)
    const before = await submitMany(1)
    dispatch(await open())
    await until('the first', () => seen.claimed.length === 1)

    await proxy.cut()
    await sleep(500)
    await proxy.mend()
    const after = await submitMany(1)
    await until('the next', () => seen.claimed.length === 2)
    await expectOnceEach([...before, ...after], seen.claimed)
  })

  if (backend === 'redis') {
    const setMaxMemory = (bytes: number) => redisServer!.set('maxmemory', String(bytes))

    test('F37: a full Redis takes no tickets, every POST is a 201, and the backlog drains when there is room', async () => {
      const queue = await open()
      const seen = await aWorker(queue, 10)
      await setMaxMemory(1)
      dispatch(queue)
      const jobs = await submitMany(20)
      await sleep(500)
      await setMaxMemory(0)

      await until('all claimed', () => seen.claimed.length >= 20)
      await expectOnceEach(jobs, seen.claimed)
    })

    test('F6: Redis away while jobs are submitted: every POST is a 201, and the backlog drains when it is back', async () => {
      const proxy = await startProxy(Number(new URL(redisUrl!).port))
      opened.push({ close: () => proxy.stop() })
      const queue = await open(throughProxy(redisUrl!, proxy))
      dispatch(queue)
      const seen = await aWorker(queue, 10)
      await proxy.cut()
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => rig.ask({ method: 'POST', url: '/jobs', payload: aBody() })),
      )
      expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]))
      await sleep(500)
      expect(seen.claimed).toEqual([])

      await proxy.mend()
      await letTimePass()
      await until('all claimed', () => seen.claimed.length >= 50)
      await expectOnceEach(
        answers.map((answer) => answer.json() as Job),
        seen.claimed,
      )
    })
  }
})
