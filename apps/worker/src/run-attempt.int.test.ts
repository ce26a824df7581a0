import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  askJob,
  claimJob,
  finishAttempt,
  getCheckpoint,
  getJob,
  listCheckpoints,
  listEvents,
  listSamples,
  newestCheckpoint,
  openDatabase,
  reconcile,
} from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import sharp from 'sharp'
import { runAttempt, type Shutdown } from './run-attempt.js'
import { flipBit, withNaN } from './testing/bytes.js'
import { isAlive, LEASE_SECONDS, openRig, type Rig, stateOf, until } from './testing/rig.js'

const never: Shutdown = { preempt: new AbortController().signal, abandon: new AbortController().signal }
/** More steps than a test waits for. */
const long = { budget: { generatorSteps: 100_000 }, sampling: { every: 1000, count: 4 } }

describe('runAttempt', () => {
  let services: Services
  let rig: Rig
  beforeAll(async () => {
    services = await startServices({ redis: false, s3: false })
    rig = await openRig(services.databaseUrl, services.directory)
  })
  afterAll(async () => {
    await rig?.close()
    await services?.stop()
  })

  /** The trainer of a job's newest attempt, once it trains. */
  const trainerOf = (jobId: string, attempt: number) =>
    until(
      () => rig.lines.find((line) => line.msg === 'training' && line.jobId === jobId && line.attempt === attempt)?.pid,
    )
  const aCheckpointOf = (jobId: string) => until(() => newestCheckpoint(rig.db, jobId))

  test('claim to succeeded: curve, samples and checkpoints are there, the spool is empty', async () => {
    const job = await rig.submit({
      model: { imageSize: 16, latentSize: 8, generatorFilters: 4, criticFilters: 4 },
      budget: { generatorSteps: 30 },
      sampling: { every: 10, count: 9 },
      checkpoint: { everySteps: 10, keep: 2 },
    })

    const outcome = await runAttempt(rig.deps('a'), { jobId: job.id }, never)

    expect(outcome).toBe('succeeded')
    const { w_estimate } = await rig.curve(job.id)
    expect(w_estimate!.x).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(w_estimate!.last.every((value) => typeof value === 'number')).toBe(true)
    const { clipped_share, diversity } = await rig.curve(job.id)
    expect([clipped_share!.n.length, diversity!.x]).toEqual([30, [10, 20, 30]])
    const samples = (await listSamples(rig.db, job.id, { limit: 50 })).items
    expect(samples.map(({ step }) => step)).toEqual([30, 20, 10, 0])
    const checkpoints = (await listCheckpoints(rig.db, job.id, { limit: 50 })).items
    expect(checkpoints.map(({ step }) => step)).toEqual([30, 20])
    const events = await listEvents(rig.db, job.id)
    expect(events.map(({ to }) => to)).toEqual(['queued', 'starting', 'running', 'succeeded'])
    const { progress } = (await getJob(rig.db, job.id))!
    expect(progress).toMatchObject({ step: 30, totalSteps: 30, criticSteps: 30, wEstimate: w_estimate!.last.at(-1) })

    const stored = await rig.db.prisma.sample.findFirstOrThrow({ where: { jobId: job.id, step: 10 } })
    const png = await sharp(await rig.store.getBytes(stored.key)).metadata()
    expect(png).toMatchObject({ format: 'png', width: 8 * 18 + 2, height: 2 * 18 + 2, channels: 1 })
    const keys: string[] = []
    for await (const { key } of rig.store.list(`jobs/${job.id}/`)) keys.push(key)
    expect(keys).toHaveLength(samples.length + checkpoints.length)
    await expect(open(join(rig.dataDir, 'spool', `${job.id}-1`))).rejects.toThrow('ENOENT')
  })

  test('F13: a trainer killed with -9 costs an attempt, not a bit, and nobody waits for its lease', async () => {
    const spec = { budget: { generatorSteps: 300 }, sampling: { every: 100, count: 4 }, checkpoint: { everySteps: 25 } }
    const whole = await rig.submit(spec)
    const broken = await rig.submit(spec)
    await runAttempt(rig.deps('a'), { jobId: whole.id }, never)

    const attempt = runAttempt(rig.deps('a'), { jobId: broken.id }, never)
    await aCheckpointOf(broken.id)
    process.kill(await trainerOf(broken.id, 1), 'SIGKILL')
    expect(await attempt).toBe('queued')
    expect(await stateOf(rig.db, broken.id)).toEqual({ state: 'queued', reason: 'trainer_killed', attempt: 1 })
    expect((await getJob(rig.db, broken.id))!.message).toContain('SIGKILL')
    const { step } = (await newestCheckpoint(rig.db, broken.id))!
    expect(await runAttempt(rig.deps('b'), { jobId: broken.id }, never)).toBe('succeeded')

    expect(
      rig.lines.find((line) => line.msg === 'training' && line.jobId === broken.id && line.attempt === 2),
    ).toMatchObject({ step, determinism: 'bitwise' })
    expect(await rig.curve(broken.id)).toEqual(await rig.curve(whole.id))
    expect(await rig.weights(broken.id)).toEqual(await rig.weights(whole.id))
    expect((await rig.weights(whole.id)).step).toBe(300)
  })

  test('cancel while running ends the trainer', async () => {
    const job = await rig.submit(long)
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    const pid = await trainerOf(job.id, 1)

    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })

    expect(await attempt).toBe('cancelled')
    expect(await stateOf(rig.db, job.id)).toEqual({ state: 'cancelled', reason: 'user', attempt: 1 })
    expect(isAlive(pid)).toBe(false)
  })

  test('F24: a corrupt newest checkpoint is quarantined, the one before it is used, and an event says so', async () => {
    const job = await rig.submit({ ...long, checkpoint: { everySteps: 20, keep: 100 } })
    const preempt = new AbortController()
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, { ...never, preempt: preempt.signal })
    await until(async () => (await listCheckpoints(rig.db, job.id, { limit: 5 })).items.length >= 3)
    preempt.abort()
    expect(await attempt).toBe('queued')
    const [newest, before] = (await listCheckpoints(rig.db, job.id, { limit: 2 })).items
    await flipBit(join(rig.dataDir, 'objects', 'objects', (await getCheckpoint(rig.db, newest!.id))!.key))

    const second = runAttempt(rig.deps('b'), { jobId: job.id }, never)
    await trainerOf(job.id, 2)
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })
    await second

    expect((await getCheckpoint(rig.db, newest!.id))!.quarantined).toBe(true)
    expect((await getCheckpoint(rig.db, before!.id))!.quarantined).toBe(false)
    expect(
      rig.lines.find((line) => line.msg === 'training' && line.jobId === job.id && line.attempt === 2),
    ).toMatchObject({ step: before!.step })
    expect(await listEvents(rig.db, job.id)).toContainEqual(
      expect.objectContaining({
        reason: 'checkpoint_corrupt',
        message: expect.stringContaining(`the one of step ${before!.step} is used`),
      }),
    )
  })

  test('an attempt that lost its job writes nothing any more and kills its trainer', async () => {
    const job = await rig.submit({ ...long, sampling: { every: 50, count: 4 } })
    const zombie = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    const pid = await trainerOf(job.id, 1)
    await aCheckpointOf(job.id)
    // Again when a renewal came between the two.
    await until(async () => {
      await rig.db.pool.query(`UPDATE job SET lease_until = now() - interval '1 second' WHERE id = $1`, [job.id])
      return (await reconcile(rig.db)).requeued
    })
    const claim = await claimJob(rig.db, { jobId: job.id, workerId: 'b', leaseSeconds: LEASE_SECONDS })
    const atTakeover = await everythingOf(job.id)

    expect(await zombie).toBe('fenced')

    expect(isAlive(pid)).toBe(false)
    expect(await everythingOf(job.id)).toEqual(atTakeover)
    await finishAttempt(rig.db, { jobId: job.id, epoch: claim!.epoch }, { to: 'failed', reason: 'trainer_error' })
  })

  test('an attempt that cannot renew its lease gives itself up before anybody else may have the job', async () => {
    const job = await rig.submit(long)
    const db = await openDatabase(services.databaseUrl, { maxConnections: 3 })
    const attempt = runAttempt({ ...rig.deps('a'), db }, { jobId: job.id }, never)
    const pid = await trainerOf(job.id, 1)

    await db.close()

    expect(await attempt).toBe('fenced')
    expect(isAlive(pid)).toBe(false)
    const { rows } = await rig.db.pool.query('SELECT lease_until > now() AS held, state FROM job WHERE id = $1', [
      job.id,
    ])
    expect(rows).toEqual([{ held: true, state: 'running' }])
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })
  })

  test('stopping ends early with a usable model', async () => {
    const job = await rig.submit(long)
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    await trainerOf(job.id, 1)
    await until(async () => (await stateOf(rig.db, job.id)).state === 'running')

    await askJob(rig.db, job.id, { verb: 'stop', actor: 'test' })

    expect(await attempt).toBe('stopped')
    const { step } = (await newestCheckpoint(rig.db, job.id))!
    expect(step).toBe((await rig.curve(job.id)).w_estimate!.x.at(-1))
    expect((await listSamples(rig.db, job.id, { limit: 1 })).items[0]!.step).toBe(step)
    expect((await getJob(rig.db, job.id))!.message).toContain(`the checkpoint of step ${step}`)
  })

  test('pausing saves at the next step boundary, and the resumed job ends as if it had never paused', async () => {
    // Long enough for the wish to arrive with a renewal, a second later at most.
    const every = { sampling: { every: 5000, count: 4 }, checkpoint: { everySteps: 5000 } }
    const spec = { budget: { generatorSteps: 5000 }, ...every }
    const whole = await rig.submit(spec)
    const paused = await rig.submit(spec)
    await runAttempt(rig.deps('a'), { jobId: whole.id }, never)

    const attempt = runAttempt(rig.deps('a'), { jobId: paused.id }, never)
    await trainerOf(paused.id, 1)
    await askJob(rig.db, paused.id, { verb: 'pause', actor: 'test' })
    expect(await attempt).toBe('paused')
    const { step } = (await newestCheckpoint(rig.db, paused.id))!
    expect(await getJob(rig.db, paused.id)).toMatchObject({
      reason: 'user',
      worker: null,
      message: `goes on from the checkpoint of step ${step}`,
    })
    expect(await runAttempt(rig.deps('b'), { jobId: paused.id }, never)).toBe('unclaimed')
    await askJob(rig.db, paused.id, { verb: 'resume', actor: 'test' })
    expect(await runAttempt(rig.deps('b'), { jobId: paused.id }, never)).toBe('succeeded')

    expect(await rig.curve(paused.id)).toEqual(await rig.curve(whole.id))
    expect(await rig.weights(paused.id)).toEqual(await rig.weights(whole.id))
  })

  test('pausing at once gives up what is not saved, and says so', async () => {
    const job = await rig.submit({ ...long, checkpoint: { everySteps: 20 } })
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    const pid = await trainerOf(job.id, 1)
    await aCheckpointOf(job.id)

    await askJob(rig.db, job.id, { verb: 'pause', actor: 'test', checkpoint: 'latest' })

    expect(await attempt).toBe('paused')
    expect(isAlive(pid)).toBe(false)
    const { step } = (await newestCheckpoint(rig.db, job.id))!
    expect(step % 20).toBe(0)
    const { message, reason } = (await getJob(rig.db, job.id))!
    expect([reason, message]).toEqual(['user', expect.stringContaining(`the checkpoint of step ${step}`)])
  })

  test('a trainer that dies while it should save has not paused the job', async () => {
    const job = await rig.submit({ ...long, checkpoint: { everySteps: 1_000_000 } })
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, never)
    const pid = await trainerOf(job.id, 1)
    await until(async () => (await rig.curve(job.id)).w_estimate!.x.length > 0)
    process.kill(pid, 'SIGSTOP')
    await askJob(rig.db, job.id, { verb: 'pause', actor: 'test' })
    await until(() => rig.lines.some((line) => line.msg === 'the trainer is told' && line.jobId === job.id))
    process.kill(pid, 'SIGKILL')

    expect(await attempt).toBe('queued')
    expect(await runAttempt(rig.deps('b'), { jobId: job.id }, never)).toBe('paused')
    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'unsaved',
      message: expect.stringContaining('from the beginning'),
    })
  })

  test('a worker without time kills its trainer and hands the job back as it is', async () => {
    const job = await rig.submit(long)
    const [preempt, abandon] = [new AbortController(), new AbortController()]
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, { preempt: preempt.signal, abandon: abandon.signal })
    const pid = await trainerOf(job.id, 1)

    preempt.abort()
    abandon.abort()

    expect(await attempt).toBe('queued')
    expect(isAlive(pid)).toBe(false)
    expect(await stateOf(rig.db, job.id)).toEqual({ state: 'queued', reason: 'preempted', attempt: 1 })
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })
  })

  test('preparing a dataset that is not in the store fails the job, and says so', async () => {
    const { rows } = await rig.db.pool.query<{ version: string }>('SELECT version FROM dataset')
    await rig.db.pool.query(
      `INSERT INTO dataset (id, version, content_hash, num_images, channels, labels, source, size_bytes)
       SELECT 'gone', version, content_hash, num_images, channels, labels, source, size_bytes FROM dataset`,
    )
    const job = await rig.submit({ dataset: `gone@${rows[0]!.version}` })

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('failed')

    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'dataset_error',
      message: expect.stringContaining('import the dataset again'),
    })
  })

  test('F33: divergence fails the job and says where; it is not retried, and the checkpoint before it is kept', async () => {
    const job = await rig.submit(long)
    const preempt = new AbortController()
    const attempt = runAttempt(rig.deps('a'), { jobId: job.id }, { ...never, preempt: preempt.signal })
    await trainerOf(job.id, 1)
    preempt.abort()
    expect(await attempt).toBe('queued')
    await poison(rig, job.id)

    expect(await runAttempt(rig.deps('b'), { jobId: job.id }, never)).toBe('failed')

    expect(await getJob(rig.db, job.id)).toMatchObject({
      reason: 'diverged',
      message: expect.stringMatching(/not finite from generator step \d+/),
      attempt: 2,
    })
    expect((await rig.curve(job.id)).w_estimate!.last).toContain('NaN')
    expect(await newestCheckpoint(rig.db, job.id)).toMatchObject({ attempt: 1, quarantined: false })
  })

  test('a job that somebody else has is left alone', async () => {
    const job = await rig.submit()
    await askJob(rig.db, job.id, { verb: 'cancel', actor: 'test' })

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('unclaimed')
  })

  /** Every row that an attempt can write, apart from the lease. */
  async function everythingOf(jobId: string): Promise<unknown> {
    const [job, curve, samples, checkpoints, events] = await Promise.all([
      stateOf(rig.db, jobId),
      rig.curve(jobId),
      listSamples(rig.db, jobId, { limit: 200 }),
      listCheckpoints(rig.db, jobId, { limit: 200 }),
      listEvents(rig.db, jobId),
    ])
    return { job, curve, samples, checkpoints, events }
  }
})

/** A well-formed newest checkpoint whose generator holds a NaN: no learning rate that a spec admits gets there quickly. */
async function poison({ db, store }: Rig, jobId: string): Promise<void> {
  const { id, key } = (await newestCheckpoint(db, jobId))!
  const bytes = withNaN(await store.getBytes(key), /^netG\..*weight$/)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const badKey = `${key}-nan`
  await store.put(badKey, bytes, { contentType: 'application/octet-stream', sha256 })
  await db.pool.query('UPDATE checkpoint SET key = $2, sha256 = $3 WHERE id = $1', [id, badKey, sha256])
}
