import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Job, type JobEvent, JobSpec } from '@kantor/contracts'
import { finishAttempt, markRunning } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { aBody, claim, datasetVersion, openRig, replyOf, type Rig, submit } from '../tests/rig.js'

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

const get = async (id: string) => replyOf('getJob', await rig.ask({ url: `/jobs/${id}` })) as Job
const cancel = (id: string) => rig.ask({ method: 'POST', url: `/jobs/${id}/cancel` })

describe('POST /jobs', () => {
  test('answers 201 with the resolved job, where to find it, and wakes the dispatcher', async () => {
    const wakes = rig.wakes()
    const response = await rig.ask({
      method: 'POST',
      url: '/jobs',
      payload: aBody({ tags: { run: '1' }, priority: 7 }),
    })
    const job = replyOf('createJob', response) as Job

    expect(response.headers['location']).toBe(`/jobs/${job.id}`)
    expect(job).toMatchObject({
      state: 'queued',
      reason: 'submitted',
      priority: 7,
      tags: { run: '1' },
      attempt: 0,
      lint: [],
    })
    expect(job.spec).toMatchObject({ schedule: { criticSteps: 5 }, objective: { clip: 0.01, clamp: 'before' } })
    expect(JobSpec.parse(job.spec)).toEqual(job.spec)
    expect(await get(job.id)).toEqual({ ...job, waiting: { reason: 'no_worker', jobsAhead: 0, eta: null } })
    expect(rig.wakes()).toBe(wakes + 1)
  })

  test('stores the dataset with its version and a seed of its own', async () => {
    const jobs = [await submit(rig), await submit(rig)]

    expect(jobs.map((job) => job.spec.dataset)).toEqual(Array(2).fill(`digits@${datasetVersion}`))
    expect(jobs[0]!.spec.seed).not.toBe(jobs[1]!.spec.seed)
  })

  test('what it stored can be submitted again and is the same spec', async () => {
    const job = await submit(rig)

    expect((await submit(rig, { spec: job.spec })).spec).toEqual(job.spec)
  })

  test('a preset lies under the spec that came with it', async () => {
    const job = await submit(rig, { preset: 'paper', spec: { dataset: 'digits', schedule: { criticSteps: 9 } } })

    expect(job.spec.objective).toMatchObject({ kind: 'wgan-clip', clamp: 'after' })
    expect(job.spec.schedule).toMatchObject({
      criticSteps: 9,
      warmup: { generatorSteps: 0 },
      every: { generatorSteps: 0 },
    })
  })

  test('tells what is legal and unwise', async () => {
    const spec = {
      dataset: 'digits',
      batchSize: 999,
      optimizer: { kind: 'adam', criticLearningRate: 1e-3 },
      objective: { kind: 'wgan-clip', clipBatchNorm: false },
      schedule: { criticSteps: 1 },
    }
    const { lint } = await submit(rig, { spec })

    expect(lint.map(({ code, pointer }) => [code, pointer])).toEqual([
      ['adam-with-clipping', '/spec/optimizer/beta1'],
      ['high-critic-rate', '/spec/optimizer/criticLearningRate'],
      ['free-batch-norm', '/spec/objective/clipBatchNorm'],
      ['few-critic-steps', '/spec/schedule/criticSteps'],
      ['small-tail-batch', '/spec/batchSize'],
    ])
  })
})

describe('GET /jobs', () => {
  test('pages through all jobs once, newest first, and filters by state', async () => {
    for (let i = 0; i < 3; i++) await submit(rig, { name: `page ${i}` })
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const response = await rig.ask({ url: `/jobs?limit=2${cursor && `&cursor=${cursor}`}` })
      const page = replyOf('listJobs', response) as { items: Job[]; nextCursor: string | null }
      ids.push(...page.items.map((job) => job.id))
      cursor = page.nextCursor
    }

    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(ids.toSorted().toReversed())
    const running = await rig.ask({ url: '/jobs?state=running,starting' })
    expect(replyOf('listJobs', running)).toEqual({ items: [], nextCursor: null })
    expect(running.headers['cache-control']).toBe('no-store')
  })
})

const list = async (query: string) =>
  replyOf('listJobs', await rig.ask({ url: `/jobs?${query}` })) as { items: Job[]; total?: number }

describe('the query of GET /jobs', () => {
  test('finds, counts, and shows only the fields that were asked for', async () => {
    const job = await submit(rig, { name: 'a needle', tags: { hay: '1', stack: 'x' }, priority: 3 })
    await submit(rig, { name: 'a needle too', tags: { hay: '1' }, priority: 2 })

    const both = await list('q=needle&tag=hay%3D1&sort=priority&limit=1&includeTotal=true&fields=name,waiting')
    expect(both).toMatchObject({ total: 2, items: [{ name: 'a needle too', waiting: { reason: 'no_worker' } }] })
    expect(Object.keys(both.items[0]!).toSorted()).toEqual(['id', 'name', 'waiting'])
    expect(await list('q=needle&tag=hay&tag=-stack%3Dx&fields=priority')).toMatchObject({ items: [{ priority: 2 }] })
    expect((await list('tag=stack&key=admin%20key&fields=state')).items).toEqual([{ id: job.id, state: 'queued' }])
  })

  test.each([
    ['sort=name', 'sort', 'not-allowed'],
    ['fields=id,speck', 'fields/1', 'not-allowed'],
    ['q=%2B%2B', 'q', 'invalid-string'],
    ['q=a%00', 'q', 'invalid-string'],
    ['key=%E2%80%AE', 'key', 'invalid-string'],
    ['tag=-', 'tag/0', 'invalid'],
    ['metric=w_estimate<1', 'metric/0', 'invalid'],
    ['metric=w_estimate.last<1e999', 'metric/0', 'invalid'],
    ['metric=w_estimate.last%3C1;drop', 'metric/0', 'invalid'],
    ['createdAfter=yesterday', 'createdAfter', 'invalid-string'],
    ['createdBefore=0000-01-01T00:00:00Z', 'createdBefore', 'out-of-range'],
    ['limit=201', 'limit', 'out-of-range'],
    ['includeTotal=yes', 'includeTotal', 'not-allowed'],
    ['state=queued&state=running', 'state', 'wrong-type'],
    ['color=red', 'color', 'unknown-property'],
  ])('%s is refused, with the name of the parameter and a reason', async (query, pointer, code) => {
    const answer = await rig.ask({ url: `/jobs?${query}` })

    expect([answer.statusCode, answer.json()]).toEqual([
      422,
      expect.objectContaining({ code: 'invalid-query', errors: [expect.objectContaining({ pointer, code })] }),
    ])
  })

  test('a cursor with another sort is refused', async () => {
    const { nextCursor } = (await rig.ask({ url: '/jobs?limit=1' })).json() as { nextCursor: string }
    const answer = await rig.ask({ url: `/jobs?limit=1&sort=priority&cursor=${nextCursor}` })

    expect([answer.statusCode, answer.json()]).toEqual([400, expect.objectContaining({ code: 'invalid-cursor' })])
  })
})

describe('POST /jobs/:id/cancel', () => {
  test('row 50: ends a queued job, once more changes nothing, and every move is an event', async () => {
    const { id } = await submit(rig)
    const first = replyOf('cancelJob', await cancel(id)) as Job
    const second = replyOf(
      'cancelJob',
      await rig.ask({ method: 'POST', url: `/jobs/${id}/cancel`, payload: {} }),
    ) as Job

    expect(first.state).toBe('cancelled')
    expect(second).toEqual(first)
    const events = replyOf('listEvents', await rig.ask({ url: `/jobs/${id}/events` })) as { items: JobEvent[] }
    expect(events.items.map(({ from, to, actor }) => [from, to, actor])).toEqual([
      [null, 'queued', 'admin key'],
      ['queued', 'cancelled', 'admin key'],
    ])
  })

  test('a job that a worker holds is asked to end', async () => {
    const job = await submit(rig)
    await claim(rig.db, job)

    expect(replyOf('cancelJob', await cancel(job.id))).toMatchObject({ state: 'cancelling' })
  })

  test('rows 49, 51: a job that succeeded cannot be cancelled or resumed, and the answer says why', async () => {
    const job = await submit(rig)
    const fence = await claim(rig.db, job)
    await markRunning(rig.db, fence)
    await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })

    const response = await cancel(job.id)
    expect(response.statusCode).toBe(409)
    expect(response.json()).toMatchObject({
      code: 'invalid-state',
      currentState: 'succeeded',
      allowed: ['fork', 'archive', 'unarchive', 'delete'],
    })
    const resumed = await rig.ask({ method: 'POST', url: `/jobs/${job.id}/resume` })
    expect([resumed.statusCode, resumed.json()]).toEqual([409, expect.objectContaining({ code: 'invalid-state' })])
  })

  test('takes no options', async () => {
    const { id } = await submit(rig)
    const response = await rig.ask({ method: 'POST', url: `/jobs/${id}/cancel`, payload: { force: true } })

    expect(response.json()).toMatchObject({ code: 'validation-failed', errors: [{ pointer: '/force' }] })
    expect((await get(id)).state).toBe('queued')
  })
})

test('GET /datasets lists the newest versions', async () => {
  expect(replyOf('listDatasets', await rig.ask({ url: '/datasets' }))).toMatchObject({
    items: [{ id: 'digits', version: datasetVersion, numImages: 1000 }],
  })
})
