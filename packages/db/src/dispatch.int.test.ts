import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import { claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  askJob,
  claimJob,
  type Database,
  type DeviceClass,
  drawTickets,
  finishAttempt,
  heartbeatWorker,
  openDatabase,
  patchJob,
  registerWorker,
  removeWorker,
  tryLead,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())
beforeEach(() => db.pool.query('TRUNCATE worker, job CASCADE'))

const worker = (id: string, slots: number, deviceClass: DeviceClass = 'cpu') =>
  registerWorker(db, { id, host: 'h', pid: 1, deviceClass, device: 'a device', slots, versions: { kantor: '0' } })
const onDevice = (device: 'any' | 'cpu' | 'gpu') => submit(db, { spec: { device } })
const ids = (items: { id: string }[]) => items.map((item) => item.id)
const drawn = async () => (await drawTickets(db)).map((ticket) => ticket.jobId)

describe('drawTickets', () => {
  test('draws none without a live worker', async () => {
    await submit(db)
    expect(await drawn()).toEqual([])

    await worker('w', 1)
    await db.pool.query(`UPDATE worker SET heartbeat_at = now() - interval '31 s'`)
    expect(await drawn()).toEqual([])

    await heartbeatWorker(db, 'w')
    expect(await drawn()).toHaveLength(1)
  })

  test('keeps two tickets per free slot out, by priority, then age', async () => {
    await worker('worker-1', 2)
    const [a, b] = [await submit(db), await submit(db)]
    const urgent = await submit(db, { priority: 1 })
    const rest = [await submit(db), await submit(db), await submit(db)]

    expect(await drawn()).toEqual(ids([urgent, a, b, rest[0]!]))
    expect(await drawn()).toEqual([])

    // One slot is taken: two tickets for the other, and three are still out.
    await claim(db, urgent)
    expect(await drawn()).toEqual([])
    await askJob(db, a.id, { verb: 'cancel', actor: 'user' })
    await askJob(db, b.id, { verb: 'cancel', actor: 'user' })
    expect(await drawn()).toEqual([rest[1]!.id])
  })

  test('draws a forgotten ticket again, under a new number', async () => {
    await worker('w', 1)
    const job = await submit(db)
    expect(await drawTickets(db)).toEqual([{ jobId: job.id, ticketNo: 1, deviceClass: 'cpu' }])

    await db.pool.query(`UPDATE job SET ticketed_at = now() - interval '31 s'`)

    expect(await drawTickets(db)).toEqual([{ jobId: job.id, ticketNo: 2, deviceClass: 'cpu' }])
  })

  test('takes tickets back that a more urgent job should have, and gives them out anew in the new order', async () => {
    await worker('worker-1', 2)
    await worker('g', 1, 'gpu')
    const onGpu = await onDevice('gpu')
    const jobs = []
    for (let i = 0; i < 6; i++) jobs.push(await onDevice('cpu'))
    expect(await drawn()).toEqual(ids([onGpu, ...jobs.slice(0, 4)]))
    await patchJob(db, jobs[5]!.id, { priority: 1 }, { actor: 'user' })
    await patchJob(db, jobs[0]!.id, { priority: 50 }, { actor: 'user' })

    const again = await drawTickets(db)

    // The ticket for the GPU stays as it is.
    expect(again.map(({ jobId }) => jobId)).toEqual(ids([jobs[5]!, jobs[0]!, jobs[1]!, jobs[2]!]))
    expect(await drawn()).toEqual([])
    const byTicket = (jobId: string, ticketNo: number) =>
      claimJob(db, { jobId, ticketNo, workerId: 'worker-1', leaseSeconds: 60 })
    expect(await byTicket(jobs[0]!.id, 1)).toBeNull()
    expect(await byTicket(jobs[3]!.id, 1)).toBeNull()
    expect(await byTicket(jobs[0]!.id, 2)).not.toBeNull()
    await db.pool.query(`UPDATE job SET ticketed_at = now() - interval '21 s' WHERE id = $1`, [jobs[5]!.id])
    expect(await byTicket(jobs[5]!.id, 1)).toBeNull()
  })

  test('draws at once for a job that was given back', async () => {
    await worker('worker-1', 1)
    const job = await submit(db)
    await drawn()
    const { fence } = await claim(db, job)
    expect(await drawn()).toEqual([])

    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })

    expect(await drawTickets(db)).toMatchObject([{ jobId: job.id, ticketNo: 2 }])
  })

  test('sends jobs to their device class, and any-jobs to where there is room', async () => {
    await worker('c', 1, 'cpu')
    await worker('g', 1, 'gpu')
    const jobs = []
    for (const device of ['gpu', 'any', 'gpu', 'cpu', 'any', 'any'] as const) jobs.push(await onDevice(device))

    const tickets = await drawTickets(db)

    expect(tickets.filter((ticket) => ticket.deviceClass === 'gpu')).toHaveLength(2)
    expect(tickets.filter((ticket) => ticket.deviceClass === 'cpu')).toHaveLength(2)
    for (const { jobId, deviceClass } of tickets) {
      const { device } = jobs.find((job) => job.id === jobId)!.spec
      expect(['any', deviceClass]).toContain(device)
    }
  })

  test('leaves gpu jobs waiting when there is only a cpu, and they do not hold the others up', async () => {
    await worker('c', 1, 'cpu')
    for (let i = 0; i < 5; i++) await onDevice('gpu')
    const job = await onDevice('any')

    expect(await drawn()).toEqual([job.id])
  })

  test('called by many at once names no job twice under one number', async () => {
    await worker('w', 20)
    for (let i = 0; i < 20; i++) await submit(db)

    const tickets = (await Promise.all(Array.from({ length: 8 }, () => drawTickets(db)))).flat()

    const names = tickets.map((ticket) => `${ticket.jobId}-${ticket.ticketNo}`)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(tickets.map((ticket) => ticket.jobId)).size).toBe(20)
  })
})

describe('a worker', () => {
  test('may register anew, is forgotten when removed, and then learns so from its heartbeat', async () => {
    await worker('w', 1)
    await worker('w', 3)
    for (let i = 0; i < 8; i++) await submit(db)
    expect(await drawn()).toHaveLength(6)

    await removeWorker(db, 'w')

    await expect(heartbeatWorker(db, 'w')).rejects.toMatchObject({ code: 'not-found' })
    expect(await drawn()).toEqual([])
  })
})

describe('tryLead', () => {
  test('lets one of many instances lead, and the next when it gives up', async () => {
    const other = await openDatabase(opened.services.databaseUrl)
    const leads = await Promise.all([tryLead(db), tryLead(other), tryLead(db)])
    const lead = leads.find((one) => one !== null)!
    expect(leads.filter((one) => one !== null)).toHaveLength(1)

    await lead.release()
    await lead.lost

    const next = await tryLead(other)
    expect(next).not.toBeNull()
    await next!.release()
    await other.close()
  })

  test('says when the lead is lost with its connection', async () => {
    const lead = (await tryLead(db))!

    await db.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kantor-leader'`,
    )

    await lead.lost
    const again = (await tryLead(db))!
    await again.release()
  })
})
