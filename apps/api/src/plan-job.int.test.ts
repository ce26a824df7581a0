import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Job, type JobPlan, operationsOf } from '@kantor/contracts'
import { finishAttempt, markRunning, registerWorker } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { refused } from '../tests/refused.js'
import { aBody, claim, openRig, replyOf, type Rig, submit } from '../tests/rig.js'

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
beforeEach(async () => {
  await rig.db.pool.query('TRUNCATE job CASCADE')
})

const asked = (changes: object) => ({ method: 'POST', url: '/jobs?dryRun=true', payload: aBody(changes) }) as const
const withSpec = (spec: object) => ({ spec: { dataset: 'digits', ...spec } })
const plan = async (changes: object = {}) => replyOf('createJob', await rig.ask(asked(changes))) as JobPlan
const steps = (count: number) => ({ budget: { generatorSteps: count } })
const noBursts = { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } }

async function rows(): Promise<number[]> {
  const tables = ['job', 'job_event', 'audit_entry', 'idempotency_key']
  const counts = tables.map((name) => rig.db.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`))
  return (await Promise.all(counts)).map(({ rows: [row] }) => row!.n)
}

/** An attempt at a job like this one, that trained so many steps in so much time. */
async function trained(spec: object, toStep: number, seconds: number): Promise<Job> {
  const job = await submit(rig, withSpec({ device: 'cpu', ...spec }))
  const fence = await claim(rig.db, job)
  await markRunning(rig.db, fence)
  await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
  await rig.db.pool.query(
    `UPDATE attempt SET device_class = 'cpu', to_step = $2, started_at = ended_at - make_interval(secs => $3) WHERE job_id = $1`,
    [job.id, toStep, seconds],
  )
  return job
}

describe('POST /jobs?dryRun=true', () => {
  test('answers what would be stored and what would come of it, and leaves nothing behind', async () => {
    const before = [await rows(), rig.wakes()]
    const changes = { preset: 'paper', ...withSpec({ objective: { kind: 'wgan-gp' } }) }
    const response = await rig.ask({ ...asked(changes), headers: { 'idempotency-key': 'once' } })
    const planned = replyOf('createJob', response) as JobPlan
    const again = await rig.ask({ ...asked(changes), headers: { 'idempotency-key': 'once' } })

    expect([await rows(), rig.wakes()]).toEqual(before)
    expect([response.statusCode, response.headers['location']]).toEqual([200, undefined])
    expect(again.headers['idempotent-replayed']).toBeUndefined()
    expect(planned).toMatchObject({ preset: 'paper', startFrom: null, spec: { schedule: noBursts, batchSize: 64 } })
    expect(planned.lint.map(({ code }) => code)).toContain('batch-norm-under-penalty')
    expect(planned.waiting).toEqual({ reason: 'no_worker', jobsAhead: 0, eta: null })
    expect(planned.estimate).toMatchObject({
      deviceClass: 'cpu',
      // Of the authors' networks on grey images, 16 · 64 weights less per channel in each.
      parameters: { generator: 3_576_704 - 2 * 16 * 64, critic: 2_765_568 - 2 * 16 * 64 },
      // The 16 batches of an epoch are three turns of five and one of a single step.
      steps: { generator: 10_000, critic: 40_000 },
      duration: { seconds: null, basis: null },
    })
    const { operations, memory, storage } = planned.estimate
    expect(operations.total! / operations.perGeneratorStep / 10_000).toBeCloseTo(0.8, 1)
    expect(Object.values(memory.parts).reduce((sum, part) => sum + part, 0)).toBe(memory.bytes)
    expect(memory.limit).toEqual({ bytes: 80 * 2 ** 30, of: 'ceiling' })
    expect(Object.values(storage!.parts).reduce((sum, part) => sum + part, 0)).toBe(storage!.bytes)
  })

  test('its spec can be submitted, is stored as it is, and with the same findings', async () => {
    const planned = await plan(withSpec({ objective: { kind: 'wgan-gp' }, schedule: { criticSteps: 1 } }))
    const job = await submit(rig, { spec: planned.spec })
    const stored = (await rig.ask({ url: `/jobs/${job.id}` })).json() as Job

    expect(planned.lint).toHaveLength(2)
    expect([stored.spec, stored.lint]).toEqual([planned.spec, planned.lint])
    expect(job.lint).toEqual(planned.lint)
  })

  test('what is refused is refused alike, and so is a dryRun that is neither', async () => {
    const wrong = withSpec({ batchSize: 2000, dataset: 'digitz' })
    const real = await refused(rig, { method: 'POST', url: '/jobs', payload: aBody(wrong) }, 422, 'validation-failed')
    const dry = await refused(rig, asked(wrong), 422, 'validation-failed')

    expect(dry.errors).toEqual(real.errors)
    await refused(rig, { ...asked({}), url: '/jobs?dryRun=maybe' }, 422, 'invalid-query')
  })

  test('stands in the queue where the job itself then stands', async () => {
    const other = await rig.key('submit')
    for (const priority of [1, 100, 100, 900]) await submit(rig, { priority })
    const theirs = { authorization: `Bearer ${other}` }
    await rig.ask({ method: 'POST', url: '/jobs', payload: aBody(), headers: theirs })

    for (const changes of [{ priority: 50 }, {}, { priority: 1000 }, withSpec({ device: 'cpu' })]) {
      for (const headers of [{}, theirs]) {
        const planned = replyOf('createJob', await rig.ask({ ...asked(changes), headers })) as JobPlan
        const submitted = await rig.ask({ method: 'POST', url: '/jobs', payload: aBody(changes), headers })
        const { id } = submitted.json() as Job
        expect((await rig.ask({ url: `/jobs/${id}` })).json()).toMatchObject({ waiting: planned.waiting })
        await rig.ask({ method: 'POST', url: `/jobs/${id}/cancel` })
      }
    }
  })
})

describe('the duration', () => {
  const small = { model: { imageSize: 32, generatorFilters: 16, criticFilters: 16 }, schedule: noBursts }

  test('is that of attempts with such networks, in proportion to the operations', async () => {
    for (const seconds of [100, 200, 400]) await trained(small, 1000, seconds)
    // Too short to tell a speed.
    await trained(small, 1000, 5)
    const { duration } = (await plan(withSpec({ ...small, ...steps(5000) }))).estimate

    expect(duration).toMatchObject({ basis: { of: 'attempts', attempts: 3, alike: 'networks' } })
    expect(duration.seconds).toBeCloseTo(1000, 0)
    expect(duration.basis).toMatchObject({ range: [expect.closeTo(500, 0), expect.closeTo(2000, 0)] })
    const twice = (await plan(withSpec({ ...small, batchSize: 128, ...steps(5000) }))).estimate
    expect(twice.duration.seconds! / duration.seconds!).toBeCloseTo(2, 5)
    const other = (await plan(withSpec({ ...small, ...steps(5000), precision: 'bfloat16' }))).estimate
    expect(other.duration).toMatchObject({ basis: { alike: 'device' } })
  })

  test('counts the authors’ bursts: a thousand steps with them are more work than a thousand without', async () => {
    await trained(small, 1000, 100)
    const calm = (await plan(withSpec({ ...small, ...steps(1000) }))).estimate
    const bursts = (await plan(withSpec({ ...small, schedule: {}, ...steps(1000) }))).estimate

    // The 16 batches of an epoch cut each of the bursts short.
    expect(bursts.steps.critic).toBeGreaterThan(calm.steps.critic!)
    const { criticStep } = operationsOf({ ...(await plan(withSpec(small))).spec }, 1)
    expect(bursts.operations.total! - calm.operations.total!).toBeCloseTo(
      (bursts.steps.critic! - calm.steps.critic!) * criticStep,
    )
    expect(bursts.duration.seconds! / calm.duration.seconds!).toBeCloseTo(
      bursts.operations.total! / calm.operations.total!,
    )
  })

  test('of epochs is that of their steps; seconds end it where they come first, and tell the steps', async () => {
    await trained(small, 1000, 100)
    const epochs = (await plan(withSpec({ ...small, budget: { epochs: 10 } }))).estimate
    const bySeconds = (await plan(withSpec({ ...small, budget: { seconds: 50 } }))).estimate
    const bySteps = (await plan(withSpec({ ...small, budget: { seconds: 5000, generatorSteps: 1000 } }))).estimate

    // 16 batches per epoch: three turns of five, and one that is cut short.
    expect(epochs.steps).toEqual({ generator: 40, critic: 160 })
    expect(bySeconds.duration).toEqual({ seconds: 50, basis: { of: 'budget' } })
    expect(bySeconds.steps.generator! / 500).toBeCloseTo(1, 1)
    expect(bySteps.duration.seconds).toBeCloseTo(100, 0)
    await rig.db.pool.query('TRUNCATE job CASCADE')
    const unknown = (await plan(withSpec({ ...small, budget: { seconds: 50 } }))).estimate
    expect(unknown).toMatchObject({
      steps: { generator: null, critic: null },
      operations: { total: null },
      storage: null,
      duration: { seconds: 50, basis: { of: 'budget' } },
    })
  })

  test('is reckoned for a GPU as soon as one is there to take the job', async () => {
    await trained(small, 1000, 100)
    const worker = { host: 'h', pid: 1, slots: 1, versions: {} }
    await registerWorker(rig.db, { id: 'g', deviceClass: 'gpu', device: 'a GPU', ...worker })

    expect((await plan(withSpec(small))).estimate).toMatchObject({ deviceClass: 'gpu', duration: { basis: null } })
    expect((await plan(withSpec({ ...small, device: 'cpu' }))).estimate.duration.basis).not.toBeNull()
  })
})
