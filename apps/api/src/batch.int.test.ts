import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Job, Problem } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { aBody, datasetVersion, openRig, replyOf, type Rig } from '../tests/rig.js'

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

const post = (payload: unknown) => rig.ask({ method: 'POST', url: '/jobs/batch', payload })
const jobsOf = async (jobs: unknown[]) => (replyOf('createJobs', await post({ jobs })) as { items: Job[] }).items
const many = (n: number) => Array.from({ length: n }, (_, index) => aBody({ name: `job ${index}` }))

describe('POST /jobs/batch', () => {
  test('a thousand jobs come into being, in their order, each with a first event', async () => {
    const before = await rig.numRows()
    const jobs = await jobsOf(many(1000))

    expect(jobs.map((job) => job.name)).toEqual(many(1000).map(({ name }) => name))
    expect(jobs.map((job) => job.id)).toEqual(jobs.map((job) => job.id).toSorted())
    expect(await rig.numRows()).toBe(before + 2000)
    expect(replyOf('getJob', await rig.ask({ url: `/jobs/${jobs[999]!.id}` }))).toMatchObject(jobs[999]!)
    const events = replyOf('listEvents', await rig.ask({ url: `/jobs/${jobs[0]!.id}/events` }))
    expect(events).toMatchObject({ items: [{ seq: 1, from: null, to: 'queued', reason: 'submitted' }] })
  })

  test('each is what it would be alone: preset, dataset version, its own seed, findings', async () => {
    const spec = { dataset: 'digits', schedule: { criticSteps: 1 } }
    const jobs = await jobsOf([aBody({ preset: 'paper' }), aBody({ spec, priority: 3, tags: { a: 'b' } })])

    expect(jobs[0]!.spec.objective).toMatchObject({ clamp: 'after' })
    expect(jobs[1]).toMatchObject({ priority: 3, tags: { a: 'b' }, lint: [{ code: 'few-critic-steps' }] })
    expect(jobs.map((job) => job.spec.dataset)).toEqual(Array(2).fill(`digits@${datasetVersion}`))
    expect(jobs[0]!.spec.seed).not.toBe(jobs[1]!.spec.seed)
  })

  test('row 33: one bad job among many refuses all, and every fault is told with its index', async () => {
    const before = await rig.numRows()
    const jobs: object[] = many(40)
    jobs[7] = aBody({ spec: { dataset: 'digits', batchSize: -1 } })
    jobs[9] = aBody({ spec: { dataset: 'digit' } })
    jobs[33] = aBody({ nam: 'x' })
    const schema = await post({ jobs })
    const dataset = await post({ jobs: [...many(3), jobs[9], aBody({ spec: { dataset: 'digits', batchSize: 1024 } })] })

    expect([schema.statusCode, dataset.statusCode]).toEqual([422, 422])
    expect((schema.json() as Problem).errors).toMatchObject([
      { pointer: '/jobs/7/spec/batchSize', code: 'out-of-range' },
      { pointer: '/jobs/33/nam', code: 'unknown-property', hint: 'did you mean "name"?' },
      { pointer: '/jobs/9/spec/dataset', code: 'dataset-not-found', hint: expect.stringContaining('"digits"') },
    ])
    expect((dataset.json() as Problem).errors).toMatchObject([
      { pointer: '/jobs/3/spec/dataset', code: 'dataset-not-found' },
      { pointer: '/jobs/4/spec/batchSize', code: 'dataset-too-small' },
    ])
    expect(await rig.numRows()).toBe(before)
  })

  test.each([
    ['no body', undefined, 400],
    ['no jobs', {}, 422],
    ['an empty list', { jobs: [] }, 422],
    ['jobs that are no list', { jobs: { a: 1 } }, 422],
    ['a job that is none', { jobs: [null, 3, 'x', []] }, 422],
    ['1001 jobs', { jobs: many(1001) }, 422],
    ['another key', { jobs: many(1), more: 1 }, 422],
  ])('%s is refused', async (_, payload, status) => {
    const before = await rig.numRows()

    expect((await post(payload)).statusCode).toBe(status)
    expect(await rig.numRows()).toBe(before)
  })

  test('takes 8 MiB, where other routes take 1', async () => {
    const notes = 'x'.repeat(9_500)
    const large = many(800).map((job) => ({ ...job, notes }))
    expect(JSON.stringify({ jobs: large }).length).toBeGreaterThan(7 << 20)
    expect(await jobsOf(large)).toHaveLength(800)

    const tooLarge = await post({ jobs: [...large, ...large] })
    expect([tooLarge.statusCode, (tooLarge.json() as Problem).detail]).toEqual([
      413,
      'a body may hold 8 MiB here at most',
    ])
    const elsewhere = await rig.ask({ method: 'POST', url: '/jobs', payload: { jobs: large } })
    expect((elsewhere.json() as Problem).detail).toBe('a body may hold 1 MiB here at most')
  })
})
