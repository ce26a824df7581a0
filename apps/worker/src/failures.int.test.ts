// What a trainer, a disk and a store can do to an attempt: how it is told, and how it goes on.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { askJob, claimJob, getJob, listEvents, newestCheckpoint, readLog, reconcile } from '@kantor/db'
import { openStore } from '@kantor/storage'
import { type Proxy, type Services, startProxy, startServices, throughProxy, weightsHash } from '@kantor/testing'
import { runAttempt, type Shutdown, type WorkerDeps } from './run-attempt.js'
import { LEASE_SECONDS, openRig, type Rig, stateOf, until } from './testing/rig.js'

/** Of a native call that does not return; several leases either way. */
const BLOCKED_SECONDS = process.env['KANTOR_FAULTS'] === 'full' ? 40 : 2 * LEASE_SECONDS
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const never: Shutdown = { preempt: new AbortController().signal, abandon: new AbortController().signal }
/** More steps than a test waits for. */
const long = { budget: { generatorSteps: 100_000 }, sampling: { every: 100_000, count: 4 } }

describe('an attempt', () => {
  let services: Services
  let rig: Rig
  beforeAll(async () => {
    services = await startServices({ redis: false })
    rig = await openRig(services.databaseUrl, services.directory)
  })
  afterAll(async () => {
    await rig?.close()
    await services?.stop()
  })

  const trainerOf = (jobId: string, attempt = 1) =>
    until(
      () => rig.lines.find((line) => line.msg === 'training' && line.jobId === jobId && line.attempt === attempt)?.pid,
    )
  const eventsOf = async (jobId: string) => (await listEvents(rig.db, jobId)).map(({ reason }) => reason)
  const spoolOf = (jobId: string, attempt = 1) => join(rig.dataDir, 'spool', `${jobId}-${attempt}`)
  async function cancel(jobId: string, attempt: Promise<unknown>): Promise<void> {
    await askJob(rig.db, jobId, { verb: 'cancel', actor: 'test' })
    await attempt
  }

  test('F13: SIGSEGV in the trainer is told as such, and the job waits a moment before it goes on', async () => {
    const job = await rig.submit(long)
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)

    process.kill(await trainerOf(job.id), 'SIGSEGV')

    expect(await attempt).toBe('queued')
    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'trainer_killed',
      message: expect.stringContaining('SIGSEGV'),
      notBefore: expect.any(String),
    })
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })
  })

  test('F14: killed three times without a checkpoint it ends as poison, and the next job runs', async () => {
    const job = await rig.submit({ ...long, checkpoint: { everySteps: 100_000 } })
    for (const number of [1, 2, 3]) {
      const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
      process.kill(await trainerOf(job.id, number), 'SIGKILL')
      expect(await attempt).toBe(number < 3 ? 'queued' : 'failed')
    }

    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'poison',
      message: expect.stringContaining('trainer_killed'),
    })
    const next = await rig.submit()
    expect(await runAttempt(rig.deps('a'), { jobId: next.id }, never)).toBe('succeeded')
  })

  test('F18: a trainer that is blocked for several leases keeps the job', async () => {
    const job = await rig.submit(long)
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    const pid = await trainerOf(job.id)
    await until(async () => (await rig.curve(job.id)).w_estimate?.x.length)

    process.kill(pid, 'SIGSTOP')
    for (let second = 0; second < BLOCKED_SECONDS; second++) {
      await sleep(1000)
      // Nobody else gets it, however hard one tries.
      expect((await reconcile(rig.db)).requeued).toBe(0)
      expect(await claimJob(rig.db, { jobId: job.id, workerId: 'b', leaseSeconds: LEASE_SECONDS })).toBeNull()
    }
    const { rows } = await rig.db.pool.query('SELECT lease_until > now() AS held, epoch FROM job WHERE id = $1', [
      job.id,
    ])
    const stoodAt = (await rig.curve(job.id)).w_estimate!.x.at(-1)!
    process.kill(pid, 'SIGCONT')

    expect(rows).toEqual([{ held: true, epoch: 1 }])
    await until(async () => (await rig.curve(job.id)).w_estimate!.x.at(-1)! > stoodAt)
    // A slow disk may pause it for a moment; nothing else happened to it.
    const events = (await eventsOf(job.id)).filter((reason) => !reason.startsWith('storage_'))
    expect(events).toEqual(['submitted', 'claimed', 'first_step'])
    await cancel(job.id, attempt)
  })

  test('F19: a trainer that hangs is killed, and the job goes on from its checkpoint', async () => {
    const job = await rig.submit(long)
    const deps: WorkerDeps = { ...rig.deps('a'), stallSeconds: 5 }
    const attempt = runAttempt(deps, { jobId: job.id }, never)
    const pid = await trainerOf(job.id)
    await until(() => newestCheckpoint(rig.db, job.id))

    process.kill(pid, 'SIGSTOP')

    expect(await attempt).toBe('queued')
    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'hung',
      message: expect.stringContaining('made no progress'),
    })
    const again = runAttempt(deps, { jobId: job.id }, never)
    await trainerOf(job.id, 2)
    const log = await readLog(rig.db, job.id, { tail: 100, attempt: 1 })
    expect(log.at(-2)).toMatchObject({ source: 'trainer', level: 'error', text: 'no progress for 5 s: killed' })
    expect(log.at(-1)).toMatchObject({ text: 'ended without a word: SIGKILL' })
    const resumed = rig.lines.find((line) => line.msg === 'training' && line.jobId === job.id && line.attempt === 2)
    expect(resumed!['step']).toBeGreaterThan(0)
    await cancel(job.id, again)
  })

  test('F26: a full disk holds training, says so, and is no failure once there is room', async () => {
    const job = await rig.submit({ budget: { generatorSteps: 40 } })
    await mkdir(spoolOf(job.id), { recursive: true })
    // Every write to it is ENOSPC; the trainer removes it with the half file, and then there is room.
    await symlink('/dev/full', join(spoolOf(job.id), 'checkpoint-20.safetensors.tmp'))

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('succeeded')

    const events = await listEvents(rig.db, job.id)
    const paused = events.find(({ reason }) => reason === 'storage_paused')
    expect(paused?.message).toContain('the disk of its worker is full')
    expect(paused?.message).toContain('ENOSPC')
    expect(events.map(({ reason }) => reason)).toEqual([
      'submitted',
      'claimed',
      'first_step',
      'storage_paused',
      'storage_resumed',
      'budget_reached',
    ])
    expect((await newestCheckpoint(rig.db, job.id))?.step).toBe(40)
  })

  test('F26: any other error of the disk is loud, and no checkpoint is listed', async () => {
    const job = await rig.submit({ budget: { generatorSteps: 40 } })
    await mkdir(join(spoolOf(job.id), 'checkpoint-20.safetensors.tmp'), { recursive: true })

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('queued')

    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'trainer_error',
      message: expect.stringContaining('EISDIR'),
    })
    expect(await newestCheckpoint(rig.db, job.id)).toBeNull()
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })
  })

  test('F38: a dataset object that was replaced fails the job with its reason, on a worker that has no copy yet', async () => {
    const { rows } = await rig.db.pool.query<{ version: string }>('SELECT version FROM dataset')
    const objects = join(rig.dataDir, 'objects', 'objects', 'datasets', 'speckle', rows[0]!.version, '16')
    const shard = join(
      objects,
      (await readdir(objects)).find((name) => name.startsWith('images-'))!,
    )
    const before = await readFile(shard)
    await writeFile(shard, Buffer.from(before).fill(1, 0, 1))
    const job = await rig.submit()

    const elsewhere = { ...rig.deps('elsewhere'), dataDir: join(services.directory, 'elsewhere') }
    expect(await runAttempt(elsewhere, { jobId: job.id }, never)).toBe('failed')

    await writeFile(shard, before)
    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'dataset_changed',
      message: expect.stringContaining('import the dataset again'),
    })
  })

  describe('with its object store behind a network', () => {
    let proxy: Proxy
    let deps: WorkerDeps
    beforeAll(async () => {
      proxy = await startProxy(Number(new URL(services.s3.endpoint).port))
      const endpoint = throughProxy(services.s3.endpoint, proxy)
      const store = await openStore({ s3: { ...services.s3, endpoint }, directory: '/nonexistent' })
      for await (const { key } of rig.store.list('datasets/')) {
        const bytes = await rig.store.getBytes(key)
        await store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256(bytes) })
      }
      deps = { ...rig.deps('far'), store }
    })
    afterAll(async () => {
      await deps.store.close()
      await proxy.stop()
    })

    test('F23: in an outage it trains on, then stands still with its lease, and loses nothing', async () => {
      const spec = {
        budget: { generatorSteps: 400 },
        sampling: { every: 400, count: 4 },
        checkpoint: { everySteps: 40 },
      }
      const whole = await rig.submit(spec)
      await runAttempt(rig.deps('a'), { jobId: whole.id }, never)
      const job = await rig.submit(spec)
      const attempt = runAttempt(deps, { jobId: job.id }, never)
      await until(() => newestCheckpoint(rig.db, job.id))
      await proxy.cut()

      const paused = await until(async () => {
        const found = await getJob(rig.db, job.id)
        return found?.reason === 'storage_paused' && found
      })
      const spooled = (await readdir(spoolOf(job.id))).filter((name) => name.startsWith('checkpoint-'))
      await sleep(1.5 * LEASE_SECONDS * 1000)
      expect(await stateOf(rig.db, job.id)).toEqual({ state: 'running', reason: 'storage_paused', attempt: 1 })
      await proxy.mend()

      expect(await attempt).toBe('succeeded')
      expect(paused).toMatchObject({ state: 'running', message: expect.stringContaining('object store') })
      expect(spooled.length).toBeLessThanOrEqual(2)
      const events = await eventsOf(job.id)
      expect(events.filter((reason) => reason !== 'critic_health')).toEqual([
        'submitted',
        'claimed',
        'first_step',
        'storage_paused',
        'storage_resumed',
        'budget_reached',
      ])
      expect(await rig.curve(job.id)).toEqual(await rig.curve(whole.id))
      const stored = (await newestCheckpoint(rig.db, job.id))!
      expect(stored.step).toBe(400)
      expect(weightsHash(await deps.store.getBytes(stored.key))).toBe((await rig.weights(whole.id)).sha256)
    })
  })
})
