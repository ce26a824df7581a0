import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Worker } from '@kantor/contracts'
import { drawTickets, registerWorker } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { claim, openRig, replyOf, type Rig, submit } from '../tests/rig.js'

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})
const aWorker = {
  id: 'worker-1',
  host: 'here',
  pid: 1,
  deviceClass: 'cpu' as const,
  device: 'a processor',
  slots: 2,
  versions: { node: '20' },
  memoryBytes: 16e9,
}
beforeEach(async () => {
  await rig.db.pool.query('TRUNCATE worker, job CASCADE')
  await registerWorker(rig.db, { ...aWorker, determinism: 'bitwise' })
})

const list = async () => (replyOf('listWorkers', await rig.ask({ url: '/workers' })) as { items: Worker[] }).items
const tell = (verb: 'drain' | 'enable', id = 'worker-1') => rig.ask({ method: 'POST', url: `/workers/${id}/${verb}` })

describe('GET /workers', () => {
  test('says what a worker is, holds and does', async () => {
    await claim(rig.db, await submit(rig))

    expect(await list()).toEqual([
      {
        id: 'worker-1',
        host: 'here',
        state: 'online',
        message: null,
        deviceClass: 'cpu',
        device: 'a processor',
        memoryBytes: 16e9,
        slots: 2,
        busy: 1,
        versions: { node: '20' },
        determinism: 'bitwise',
        heartbeatAgeSeconds: expect.any(Number),
        registeredAt: expect.any(String),
      },
    ])
  })

  test('a worker is offline by the database clock, and unusable with its reason', async () => {
    await rig.db.pool.query(`UPDATE worker SET heartbeat_at = now() - interval '40 s'`)
    expect(await list()).toMatchObject([{ state: 'offline' }])
    expect((await list())[0]!.heartbeatAgeSeconds).toBeGreaterThan(39)

    await registerWorker(rig.db, { ...aWorker, unusable: 'the store lies' })
    expect(await list()).toMatchObject([{ state: 'unusable', message: 'the store lies', determinism: null }])
  })
})

describe('drain and enable', () => {
  test('a draining worker gets no ticket, also after it registered anew; enabled it does, and the dispatcher is woken', async () => {
    const job = await submit(rig)
    expect(replyOf('drainWorker', await tell('drain'))).toMatchObject({ state: 'draining' })
    expect(replyOf('drainWorker', await tell('drain'))).toMatchObject({ state: 'draining' })
    await registerWorker(rig.db, aWorker)
    expect(await list()).toMatchObject([{ state: 'draining' }])
    expect(await drawTickets(rig.db)).toEqual([])

    const wakes = rig.wakes()
    expect(replyOf('enableWorker', await tell('enable'))).toMatchObject({ state: 'online' })
    expect(rig.wakes()).toBe(wakes + 1)
    expect(await drawTickets(rig.db)).toMatchObject([{ jobId: job.id }])
  })

  test('of a worker that is not there is a 404, and needs an admin', async () => {
    expect((await tell('drain', 'nobody')).statusCode).toBe(404)
    expect((await tell('drain', '%20')).statusCode).toBe(404)
    const headers = { authorization: `Bearer ${await rig.key('submit')}` }
    expect((await rig.ask({ method: 'POST', url: '/workers/worker-1/drain', headers })).statusCode).toBe(403)
  })
})
