import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { CurvesReply, Job, JobPlan, Sweep, SweepPlan, Trial } from '@kantor/contracts'
import { addCheckpoint, createKey, finishAttempt, markRunning } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { pointersOf, refused } from '../tests/refused.js'
import { aPoint, claim, datasetVersion, openRig, replyOf, type Rig, unknownId } from '../tests/rig.js'

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
beforeEach(() => rig.db.pool.query('TRUNCATE sweep, job CASCADE'))

const rates = 'optimizer.criticLearningRate'
const grid = (parameters: object) => ({ kind: 'grid', parameters })
const aSweep = (changes: object = {}) => ({
  name: 'rates',
  spec: { dataset: 'digits', budget: { generatorSteps: 100 } },
  search: grid({ [rates]: { values: [1e-5, 5e-5, 1e-4] } }),
  ...changes,
})
const request = (payload: unknown) => ({ method: 'POST', url: '/sweeps', payload })
const create = async (changes: object = {}) => replyOf('createSweep', await rig.ask(request(aSweep(changes)))) as Sweep
const show = async ({ id }: Sweep) => replyOf('getSweep', await rig.ask({ url: `/sweeps/${id}` })) as Sweep
const trialsOf = async ({ id }: Sweep, query = '') =>
  replyOf('listTrials', await rig.ask({ url: `/sweeps/${id}/trials?${query}` })) as {
    items: Trial[]
    nextCursor: string | null
  }
const curves = (sweepId: string) => ({ method: 'POST', url: '/curves/query', payload: { sweepId } })
const listed = async (query: string) =>
  replyOf('listSweeps', await rig.ask({ url: `/sweeps?limit=2${query}` })) as {
    items: Sweep[]
    nextCursor: string | null
  }
const jobOf = async ({ jobId }: Trial) => replyOf('getJob', await rig.ask({ url: `/jobs/${jobId}` })) as Job

/** Everything that the tests below expect to be left alone. */
async function numRows(): Promise<number> {
  const { rows } = await rig.db.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM sweep')
  return rows[0]!.n + (await rig.numRows())
}
async function refusedWhole(payload: unknown, code: 'validation-failed' | 'sweep-too-large') {
  const problem = await refused(rig, request(payload), 422, code)
  expect(await numRows()).toBe(0)
  return problem
}

/** A trial trained to step 3, with this estimate all along. */
async function train(trial: Trial, estimate: number, end?: 'succeeded' | 'failed'): Promise<void> {
  const fence = await claim(rig.db, await jobOf(trial))
  await markRunning(rig.db, fence)
  const points = [1, 2, 3].map((step) => aPoint(step, estimate))
  const object = { key: `tests/${trial.jobId}`, sizeBytes: 1, sha256: 'ab'.repeat(32) }
  await addCheckpoint(rig.db, fence, { id: randomUUID(), step: 3, points, ...object })
  await rig.db.pool.query(`UPDATE job SET progress = $2 WHERE id = $1`, [
    trial.jobId,
    {
      step: 3,
      totalSteps: 100,
      criticSteps: 15,
      epoch: 0,
      stepsPerSecond: null,
      etaSeconds: null,
      wEstimate: estimate,
    },
  ])
  if (end === 'succeeded') await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
  if (end === 'failed') await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged' })
}

test('a dry run tells what a sweep comes to, and writes nothing', async () => {
  const dry = (changes: object) => ({ ...request(aSweep(changes)), url: '/sweeps?dryRun=true' })
  const values = Array.from({ length: 30 }, (_, i) => (i + 1) * 1e-5)
  const answer = await rig.ask(
    dry({ search: grid({ [rates]: { values } }), seeds: 2, spec: { ...aSweep().spec, seed: 5 } }),
  )
  expect(answer.statusCode).toBe(200)
  const plan = answer.json() as SweepPlan
  const alone = await rig.ask({ method: 'POST', url: '/jobs?dryRun=true', payload: { spec: aSweep().spec } })
  const { estimate } = alone.json() as JobPlan

  expect(plan).toMatchObject({ configurations: 30, trials: 60, seeds: [5, 6], lint: [] })
  expect(plan.first).toEqual(values.slice(0, 20).map((value) => ({ [rates]: value })))
  expect(plan.estimate).toEqual({
    operations: expect.closeTo(60 * estimate.operations.total!, -3),
    deviceSeconds: null,
    storageBytes: 60 * estimate.storage!.bytes,
  })
  await refused(rig, dry({ spec: { dataset: 'nowhere' } }), 422, 'validation-failed')
  expect(await numRows()).toBe(0)
})

describe('POST /sweeps', () => {
  test('every combination is a job of the base spec, with the same seeds for each', async () => {
    const sweep = await create({
      search: grid({ [rates]: { values: [1e-5, 1e-4] }, 'objective.kind': { values: ['wgan-clip', 'wgan-gp'] } }),
      seeds: 2,
      tags: { study: 'a' },
      priority: 7,
      preset: 'paper',
    })

    expect(sweep).toMatchObject({ state: 'queued', configurations: 4, trials: 8, counts: { queued: 8, running: 0 } })
    // A critic's scale hangs on its objective, not on its learning rate.
    expect(sweep.lint).toMatchObject([{ code: 'ranks-other-scales', pointer: '/search/parameters/objective.kind' }])
    expect(sweep.seeds).toHaveLength(2)
    const { items } = await trialsOf(sweep)
    expect(items.map(({ trial, configuration, seed }) => [trial, configuration, seed])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((trial) => [trial, Math.ceil(trial / 2), sweep.seeds[(trial - 1) % 2]]),
    )
    expect(items[2]!.parameters).toEqual({ [rates]: 1e-5, 'objective.kind': 'wgan-gp' })
    const job = await jobOf(items[2]!)
    expect(job).toMatchObject({ name: 'rates #3', tags: { study: 'a' }, priority: 7, sweepId: sweep.id, trial: 3 })
    // The preset's clamp goes with the kind that the search leaves.
    expect(job.spec).toMatchObject({
      dataset: `digits@${datasetVersion}`,
      objective: { kind: 'wgan-gp', lambda: 10 },
      optimizer: { kind: 'rmsprop', criticLearningRate: 1e-5 },
      schedule: { warmup: { generatorSteps: 0 } },
    })
    expect(job.lint.map(({ code }) => code)).toContain('batch-norm-under-penalty')
    expect((await jobOf(items[0]!)).spec.objective).toMatchObject({ kind: 'wgan-clip', clamp: 'after' })

    const jobs = replyOf('listJobs', await rig.ask({ url: `/jobs?sweepId=${sweep.id}&limit=200` })) as {
      items: Job[]
    }
    expect(jobs.items.map(({ trial }) => trial).toReversed()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(await show(sweep)).toEqual({ ...sweep, best: null })
  })

  test('a random search keeps its seed, and the same seed draws the same', async () => {
    const search = {
      kind: 'random',
      trials: 20,
      parameters: { [rates]: { logUniform: { min: 1e-6, max: 1e-3 } }, batchSize: { int: { min: 16, max: 64 } } },
    }
    const first = await create({ search })
    const second = await create({ search: first.search })

    expect(first.search).toMatchObject({ kind: 'random', seed: expect.any(Number) })
    const [one, other] = [await trialsOf(first), await trialsOf(second)]
    expect(one.items.map(({ parameters }) => parameters)).toEqual(other.items.map(({ parameters }) => parameters))
    expect(new Set(one.items.map(({ seed }) => seed)).size).toBe(1)
  })

  test('datasets and seeds can be searched too', async () => {
    const spec = { budget: { generatorSteps: 100 } }
    const sweep = await create({ spec, search: grid({ dataset: { values: ['digits'] }, seed: { values: [4, 5] } }) })

    expect(sweep.seeds).toEqual([])
    expect((await trialsOf(sweep)).items.map(({ seed, configuration }) => [seed, configuration])).toEqual([
      [4, 1],
      [5, 2],
    ])
    const both = await refused(
      rig,
      request(aSweep({ search: grid({ seed: { values: [4] } }), seeds: 2 })),
      422,
      'validation-failed',
    )
    expect(pointersOf(both)).toEqual([['/seeds', 'conflicting-options']])
  })

  test('row 31: a grid of 10^12 is counted, not expanded', async () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1)
    const keys = [
      'batchSize',
      'schedule.criticSteps',
      'model.latentSize',
      'model.criticFilters',
      'model.generatorFilters',
    ]
    const parameters = Object.fromEntries([...keys, 'sampling.count'].map((key) => [key, { values }]))

    const problem = await refusedWhole(aSweep({ search: grid(parameters) }), 'sweep-too-large')
    expect(problem.detail).toContain('1000000000000 trials')
    const seeds = await refusedWhole(aSweep({ seeds: 400 }), 'sweep-too-large')
    expect(seeds.detail).toContain('3 configurations × 400 seeds = 1200 trials')
    const drawn = { kind: 'random', trials: 1001, parameters: { batchSize: { int: { min: 2, max: 64 } } } }
    await refusedWhole(aSweep({ search: drawn }), 'sweep-too-large')
  })

  test('a thousand trials are one sweep', async () => {
    const search = { kind: 'random', trials: 500, parameters: { batchSize: { int: { min: 2, max: 64 } } } }
    const sweep = await create({ search, seeds: 2 })

    expect(sweep).toMatchObject({ trials: 1000, counts: { queued: 1000 } })
    expect((await trialsOf(sweep, 'limit=1000')).items).toHaveLength(1000)
  })

  test.each([
    ['no parameters', grid({}), [['/search/parameters', 'required']]],
    [
      'a list without values',
      grid({ [rates]: { values: [] } }),
      [[`/search/parameters/${rates}/values`, 'out-of-range']],
    ],
    [
      'no trials',
      { kind: 'random', trials: 0, parameters: { seed: { values: [1] } } },
      [['/search/trials', 'out-of-range']],
    ],
    ['no search', undefined, [['/search', 'required']]],
  ])('row 32: %s is an empty sweep', async (_, search, errors) => {
    expect(pointersOf(await refusedWhole(aSweep({ search }), 'validation-failed'))).toEqual(errors)
  })

  test('a path that is none is named with the nearest one', async () => {
    const search = grid({
      'optimizer.criticLerningRate': { values: [1] },
      zzz: { values: [1] },
      [rates]: { valuse: [1] },
    })
    const problem = await refusedWhole(aSweep({ search }), 'validation-failed')

    expect(problem.errors).toMatchObject([
      { pointer: `/search/parameters/${rates}/values`, code: 'required' },
      { pointer: `/search/parameters/${rates}/valuse`, code: 'unknown-property', hint: 'did you mean "values"?' },
    ])
    const paths = grid({ 'optimizer.criticLerningRate': { values: [1] }, zzz: { values: [1] } })
    expect((await refusedWhole(aSweep({ search: paths }), 'validation-failed')).errors).toMatchObject([
      {
        pointer: '/search/parameters/optimizer.criticLerningRate',
        code: 'unknown-property',
        hint: `did you mean "${rates}"?`,
      },
      { pointer: '/search/parameters/zzz', code: 'unknown-property' },
    ])
  })

  test('one bad trial refuses all, and is named with its parameters', async () => {
    const search = grid({ batchSize: { values: [32, 64, 4096] }, [rates]: { values: [1e-4, 1e-5] } })
    const bounds = await refusedWhole(aSweep({ search }), 'validation-failed')
    expect(bounds.errors).toMatchObject([
      {
        pointer: '/search/parameters/batchSize',
        code: 'out-of-range',
        message: expect.stringMatching(
          /, in trial 5 \(batchSize=4096, optimizer\.criticLearningRate=0\.0001\) and others$/,
        ),
        hint: 'from 2 to 1024',
      },
    ])

    // What only the database knows: a dataset, and how many images it has.
    const known = grid({ dataset: { values: ['digits', 'digit'] }, batchSize: { values: [64, 1024] } })
    const missing = await refusedWhole(aSweep({ search: known }), 'validation-failed')
    expect(missing.errors).toMatchObject([
      {
        pointer: '/search/parameters/batchSize',
        code: 'dataset-too-small',
        message: expect.stringContaining('trial 2 ('),
      },
      {
        pointer: '/search/parameters/dataset',
        code: 'dataset-not-found',
        message: expect.stringContaining('trial 3 ('),
      },
    ])

    // A key of another kind than the base has.
    const other = await refusedWhole(
      aSweep({ search: grid({ 'objective.lambda': { values: [1, 10] } }) }),
      'validation-failed',
    )
    expect(pointersOf(other)).toEqual([['/search/parameters/objective.lambda', 'conflicting-options']])
    // And of the base itself: told once.
    const base = await refusedWhole(aSweep({ spec: { dataset: 'nothing' } }), 'validation-failed')
    expect(pointersOf(base)).toEqual([['/spec/dataset', 'dataset-not-found']])
    expect(
      pointersOf(await refusedWhole(aSweep({ spec: { dataset: 'digits', batchsize: 3 } }), 'validation-failed')),
    ).toEqual([['/spec/batchsize', 'unknown-property']])
  })

  test('under an Idempotency-Key it is made once', async () => {
    const once = { ...request(aSweep()), headers: { 'idempotency-key': 'one' } }
    const [first, second] = [await rig.ask(once), await rig.ask(once)]

    expect(second.headers['idempotent-replayed']).toBe('true')
    expect(second.body).toBe(first.body)
    expect(second.headers['location']).toBe(`/sweeps/${(first.json() as Sweep).id}`)
    expect(await numRows()).toBe(1 + 3 + 3)
  })

  test('counts against what a key may have waiting, as a whole', async () => {
    const { key } = await createKey(rig.db, { name: 'small', scope: 'submit', maxQueued: 2 })
    const headers = { authorization: `Bearer ${key}` }

    expect((await rig.ask({ ...request(aSweep()), headers })).statusCode).toBe(429)
    expect(await numRows()).toBe(0)
  })
})

describe('a sweep under way', () => {
  test('tells its state from its trials, and ranks them by their medians', async () => {
    const sweep = await create()
    const [low, high, failed] = (await trialsOf(sweep)).items as [Trial, Trial, Trial]
    await train(high, 2)
    expect(await show(sweep)).toMatchObject({ state: 'running', best: { trial: 2, value: 2, metricsStep: 3, step: 3 } })
    await train(low, 1, 'succeeded')
    await train(failed, 0, 'failed')

    expect(await show(sweep)).toMatchObject({
      counts: { succeeded: 1, running: 1, failed: 1, queued: 0 },
      best: { trial: 1, jobId: low.jobId, value: 1, parameters: { [rates]: 1e-5 }, metrics: { critic_loss: -1 } },
    })
    expect((await trialsOf(sweep, 'sort=best')).items.map(({ trial }) => trial)).toEqual([1, 2, 3])
    expect((await trialsOf(sweep, 'state=failed,running')).items.map(({ trial }) => trial)).toEqual([2, 3])

    const csv = await rig.ask({ url: `/sweeps/${sweep.id}/trials?format=csv&sort=-trial` })
    const lines = csv.body.trimEnd().split('\r\n')
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(lines[0]).toMatch(
      /^trial,configuration,jobId,state,seed,optimizer\.criticLearningRate,step,value,metricsStep,w_estimate,/,
    )
    // Then come series that this job has no values of.
    const told = `1,1,${low.jobId},succeeded,${sweep.seeds[0]},0.00001,3,1,3,1,-1,-1,-1,-1`
    expect(lines[3]!.replace(/,*$/, '')).toBe(told)
  })

  test('the other way round where more is better', async () => {
    const sweep = await create({ objective: { goal: 'max' } })
    for (const [index, trial] of (await trialsOf(sweep)).items.entries()) await train(trial, index)

    expect((await trialsOf(sweep, 'sort=best')).items.map(({ trial }) => trial)).toEqual([3, 2, 1])
  })

  test.each(['trial', '-trial', 'best'])('pages by %s hold every trial once, in order', async (sort) => {
    const sweep = await create({ search: grid({ batchSize: { values: [8, 16, 24, 32, 40] } }) })
    const all = (await trialsOf(sweep)).items
    for (const [index, estimate] of [3, -0.1, 3].entries()) await train(all[index]!, estimate)
    const seen: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { items, nextCursor } = await trialsOf(sweep, `sort=${sort}&limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(...items.map(({ trial }) => trial))
      cursor = nextCursor
    }

    expect(seen).toEqual((await trialsOf(sweep, `sort=${sort}`)).items.map(({ trial }) => trial))
    expect(new Set(seen).size).toBe(5)
    const { nextCursor } = await trialsOf(sweep, `sort=${sort}&limit=1`)
    const other = sort === 'best' ? 'trial' : 'best'
    await refused(rig, { url: `/sweeps/${sweep.id}/trials?sort=${other}&cursor=${nextCursor}` }, 400, 'invalid-cursor')
  })

  test('its curves come in the order of the ranking, and not where they cannot be compared', async () => {
    const sweep = await create()
    const [one, two] = (await trialsOf(sweep)).items as [Trial, Trial]
    expect(replyOf('queryCurves', await rig.ask(curves(sweep.id)))).toEqual({ resolution: 1, items: [] })
    await train(one, 2)
    await train(two, 1)

    const { items } = replyOf('queryCurves', await rig.ask(curves(sweep.id))) as CurvesReply
    expect(items.map(({ jobId }) => jobId)).toEqual([two.jobId, one.jobId])

    const critics = await create({ search: grid({ 'model.critic': { values: ['dcgan', 'mlp'] } }) })
    for (const trial of (await trialsOf(critics)).items) await train(trial, 1)
    const problem = await refused(rig, curves(critics.id), 422, 'not-comparable')
    expect(problem.errors).toMatchObject([{ pointer: '/sweepId', message: expect.stringContaining('trial 2') }])
  })

  test('pauses, resumes, stops and cancels: those that wait at once, those at work as their worker can', async () => {
    const sweep = await create()
    const [first] = (await trialsOf(sweep)).items as [Trial]
    await train(first, 1)
    const ask = async (verb: 'pause' | 'resume' | 'stop' | 'cancel') =>
      replyOf(`${verb}Sweep`, await rig.ask({ method: 'POST', url: `/sweeps/${sweep.id}/${verb}` })) as Sweep

    expect(await ask('pause')).toMatchObject({ state: 'running', counts: { pausing: 1, paused: 2 } })
    expect(await ask('pause')).toMatchObject({ counts: { pausing: 1, paused: 2 } })
    expect(await ask('resume')).toMatchObject({ counts: { pausing: 1, queued: 2 } })
    expect(await ask('stop')).toMatchObject({ counts: { stopping: 1, stopped: 2 } })
    expect(await ask('cancel')).toMatchObject({ state: 'running', counts: { cancelling: 1, stopped: 2 } })
    await finishAttempt(rig.db, { jobId: first.jobId, epoch: 1 }, { to: 'cancelled', reason: 'user' })
    expect(await ask('cancel')).toMatchObject({ state: 'finished', counts: { cancelled: 1, stopped: 2 } })
    await refused(rig, { method: 'POST', url: `/sweeps/${sweep.id}/resume` }, 409, 'invalid-state')
    await refused(rig, { method: 'POST', url: `/sweeps/${unknownId}/cancel` }, 404, 'not-found')
  })

  test('is listed newest first, page by page', async () => {
    const names = ['a', 'b', 'c']
    for (const name of names) await create({ name })
    const first = await listed('')
    const second = await listed(`&cursor=${first.nextCursor}`)

    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['c', 'b', 'a'])
    expect(second.nextCursor).toBeNull()
  })
})
