// Verifications of objects in a folder, and of objects on S3 behind a proxy.
import { createHash, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Task } from '@kantor/contracts'
import {
  addCheckpoint,
  cancelTask,
  claimJob,
  claimTask,
  createTask,
  getCheckpoint,
  getTask,
  listEvents,
  reconcileTasks,
} from '@kantor/db'
import { type ObjectStore, openStore } from '@kantor/storage'
import { checkInvariants, type Proxy, type Services, startProxy, startServices, throughProxy } from '@kantor/testing'
import { openRig, type Rig, until } from '../testing/rig.js'
import { runTask } from './run-task.js'

const bytes = Buffer.alloc(3 * 2 ** 20, 7)
const sha256 = createHash('sha256').update(bytes).digest('hex')

describe('a verification', () => {
  let services: Services
  let rig: Rig
  let proxy: Proxy
  let store: ObjectStore
  beforeAll(async () => {
    services = await startServices({ redis: false })
    rig = await openRig(services.databaseUrl, services.directory)
    proxy = await startProxy(Number(new URL(services.s3.endpoint).port))
    store = await openStore({
      directory: '',
      s3: { ...services.s3, endpoint: throughProxy(services.s3.endpoint, proxy) },
    })
  })
  afterAll(async () => {
    await store?.close()
    await proxy?.stop()
    await rig?.close()
    await services?.stop()
  })

  /** A task for a checkpoint whose object is in `to`. */
  async function aTask(to: ObjectStore): Promise<Task & { key: string }> {
    const job = await rig.submit()
    const claim = await claimJob(rig.db, { jobId: job.id, workerId: 'trainer', leaseSeconds: 600 })
    const id = randomUUID()
    const key = `jobs/${job.id}/checkpoints/${id}`
    await to.put(key, bytes, { contentType: 'application/octet-stream', sha256 })
    const row = { id, step: 20, key, sizeBytes: bytes.length, sha256, points: [] }
    await addCheckpoint(rig.db, { jobId: job.id, epoch: claim!.epoch }, row)
    return { ...(await createTask(rig.db, { kind: 'verify', checkpointId: id })), key }
  }

  const run = (on: ObjectStore, leave = new AbortController().signal) =>
    runTask({ ...rig.deps('checker'), store: on }, leave)
  const resultOf = async ({ id }: Task) => (await getTask(rig.db, id))!.result
  const isQuarantined = async ({ checkpointId }: Task) => (await getCheckpoint(rig.db, checkpointId))!.quarantined
  const corruptions = async ({ jobId }: Task) =>
    (await listEvents(rig.db, jobId)).filter(({ reason }) => reason === 'checkpoint_corrupt')

  test('finds a good object intact, in a folder and on S3', async () => {
    for (const on of [rig.store, store]) {
      const task = await aTask(on)
      expect(await run(on)).toBe('succeeded')
      expect(await resultOf(task)).toEqual({ intact: true, sizeBytes: bytes.length, sha256, fault: null })
      expect([await isQuarantined(task), await corruptions(task)]).toEqual([false, []])
    }
    expect(await run(store)).toBeNull()
  })

  test('puts a checkpoint with one flipped bit aside, and says which bytes it found', async () => {
    const task = await aTask(rig.store)
    const flipped = Buffer.from(bytes)
    flipped[1_000_000]! ^= 1
    await writeFile(join(rig.dataDir, 'objects', 'objects', task.key), flipped)

    expect(await run(rig.store)).toBe('succeeded')

    const found = createHash('sha256').update(flipped).digest('hex')
    expect(await resultOf(task)).toMatchObject({ intact: false, sizeBytes: bytes.length, sha256: found })
    expect(await isQuarantined(task)).toBe(true)
    expect(await corruptions(task)).toMatchObject([{ actor: 'checker', message: expect.stringContaining(found) }])
  })

  test('puts a checkpoint aside whose object is cut short, or gone', async () => {
    const [cut, gone] = [await aTask(rig.store), await aTask(rig.store)]
    await writeFile(join(rig.dataDir, 'objects', 'objects', cut.key), bytes.subarray(1))
    await rig.store.remove(gone.key)

    expect([await run(rig.store), await run(rig.store)]).toEqual(['succeeded', 'succeeded'])

    expect(await resultOf(cut)).toMatchObject({ intact: false, sizeBytes: bytes.length - 1 })
    const fault = 'its object is missing'
    expect(await resultOf(gone)).toEqual({ intact: false, sizeBytes: null, sha256: null, fault })
    for (const task of [cut, gone])
      expect([await isQuarantined(task), await corruptions(task)]).toMatchObject([true, [{}]])
  })

  test('waits for a store that is away, and blames no checkpoint for it', async () => {
    const task = await aTask(store)
    await proxy.cut()
    const running = run(store)
    await until(() => rig.lines.some(({ msg }) => msg.startsWith('checkpoint verification: a service is away')))
    expect(await getTask(rig.db, task.id)).toMatchObject({ state: 'running', attempt: 1 })
    await proxy.mend()

    expect(await running).toBe('succeeded')
    expect(await resultOf(task)).toMatchObject({ intact: true })
    expect(await isQuarantined(task)).toBe(false)
  })

  test('is handed back by a worker that leaves, ended by a cancel, dropped by a worker that lost it', async () => {
    const task = await aTask(store)
    await proxy.cut()
    const leave = new AbortController()
    const first = run(store, leave.signal)
    await until(async () => (await getTask(rig.db, task.id))!.state === 'running')
    leave.abort()
    expect(await first).toBe('queued')
    expect(await getTask(rig.db, task.id)).toMatchObject({ reason: 'preempted', worker: null })

    const second = run(store)
    await until(async () => (await getTask(rig.db, task.id))!.attempt === 2)
    await until(async () => {
      await rig.db.pool.query(`UPDATE task SET lease_until = now() - interval '1 s' WHERE id = $1`, [task.id])
      return (await reconcileTasks(rig.db)).requeued
    })
    expect(await second).toBe('fenced')
    expect(await getTask(rig.db, task.id)).toMatchObject({ state: 'queued', reason: 'lease_expired' })

    const third = run(store)
    await until(async () => (await getTask(rig.db, task.id))!.attempt === 3)
    await cancelTask(rig.db, task.id)
    expect(await third).toBe('cancelled')
    expect(await claimTask(rig.db, { workerId: 'next', leaseSeconds: 60 })).toBeNull()
    await proxy.mend()
    expect((await checkInvariants(rig.db, store)).filter((fault) => fault.startsWith('task'))).toEqual([])
  })
})
