import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { registerDataset, registerWorker } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import type { Ask } from '../tests/http.js'
import { pointersOf, refused } from '../tests/refused.js'
import { aBody, digits, openRig, type Rig, submit } from '../tests/rig.js'

let services: Services
let rig: Rig
let rowsBefore: number
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  await registerDataset(rig.db, { ...digits, id: 'named', labels: ['zero', 'one', 'two'] })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})
beforeEach(async () => {
  rowsBefore = await rig.numRows()
})
// Whatever is refused in this file leaves nothing behind.
afterEach(async () => {
  expect(await rig.numRows()).toBe(rowsBefore)
})

/** What devices have is read once a second. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 1100))

const post = (payload: unknown): Ask => ({ method: 'POST', url: '/jobs', payload })
const withSpec = (spec: object): Ask => post(aBody({ spec: { dataset: 'digits', ...spec } }))
/** The only field error of a refused job. */
async function faultOf(request: Ask) {
  const problem = await refused(rig, request, 422, 'validation-failed')
  expect(problem.errors).toHaveLength(1)
  return problem.errors![0]!
}

describe('a spec that cannot be trained', () => {
  test('row 11: an unknown key is told with the nearest name', async () => {
    const problem = await refused(rig, withSpec({ batchsize: 3 }), 422, 'validation-failed')

    expect(problem.errors).toEqual([
      expect.objectContaining({
        pointer: '/spec/batchsize',
        code: 'unknown-property',
        hint: 'did you mean "batchSize"?',
      }),
    ])
    expect(problem.detail).toContain('/spec/batchsize')
  })

  test.each([
    ['row 18: no steps', { budget: { generatorSteps: 0 } }, '/spec/budget/generatorSteps', 'out-of-range'],
    ['row 18: steps below zero', { budget: { generatorSteps: -1 } }, '/spec/budget/generatorSteps', 'out-of-range'],
    ['row 18: half a step', { budget: { generatorSteps: 1.5 } }, '/spec/budget/generatorSteps', 'out-of-range'],
    ['row 18: 2^53 + 1', { budget: { generatorSteps: 2 ** 53 + 1 } }, '/spec/budget/generatorSteps', 'out-of-range'],
    ['row 18: text', { budget: { generatorSteps: '100' } }, '/spec/budget/generatorSteps', 'wrong-type'],
    ['row 18: true', { budget: { generatorSteps: true } }, '/spec/budget/generatorSteps', 'wrong-type'],
    ['row 18: null', { budget: { generatorSteps: null } }, '/spec/budget/generatorSteps', 'wrong-type'],
    ['row 20: beta1 = 1', { optimizer: { kind: 'adam', beta1: 1 } }, '/spec/optimizer/beta1', 'out-of-range'],
    ['row 20: beta2 = 1', { optimizer: { kind: 'adam', beta2: 1 } }, '/spec/optimizer/beta2', 'out-of-range'],
    ['row 21: lambda = -1', { objective: { kind: 'wgan-gp', lambda: -1 } }, '/spec/objective/lambda', 'out-of-range'],
    ['row 22: no critic steps', { schedule: { criticSteps: 0 } }, '/spec/schedule/criticSteps', 'out-of-range'],
    ['row 22: a million of them', { schedule: { criticSteps: 1e6 } }, '/spec/schedule/criticSteps', 'out-of-range'],
    [
      'row 28: a checkpoint every 0 steps',
      { checkpoint: { everySteps: 0 } },
      '/spec/checkpoint/everySteps',
      'out-of-range',
    ],
    ['row 28: one every step', { checkpoint: { everySteps: 1 } }, '/spec/checkpoint/everySteps', 'out-of-range'],
    ['row 28: one every second', { checkpoint: { everySeconds: 1 } }, '/spec/checkpoint/everySeconds', 'out-of-range'],
    ['row 29: a grid of 10 000 × 10 000', { sampling: { count: 1e8 } }, '/spec/sampling/count', 'out-of-range'],
    ['row 30: a seed of -1', { seed: -1 }, '/spec/seed', 'out-of-range'],
    ['row 30: of 1.5', { seed: 1.5 }, '/spec/seed', 'out-of-range'],
    ['row 30: of 2^64', { seed: 2 ** 64 }, '/spec/seed', 'out-of-range'],
    ['row 30: of "abc"', { seed: 'abc' }, '/spec/seed', 'wrong-type'],
  ] as const)('%s is refused with the bounds', async (_, spec, pointer, code) => {
    expect(await faultOf(withSpec(spec as object))).toMatchObject({
      pointer,
      code,
      hint: expect.stringMatching(/^from \S+ to /),
    })
  })

  test.each([0, -1, 1e308, 5e-324])('row 19: a learning rate of %d is refused with the bounds', async (rate) => {
    const optimizer = { kind: 'rmsprop', generatorLearningRate: rate }

    expect(await faultOf(withSpec({ optimizer }))).toMatchObject({
      pointer: '/spec/optimizer/generatorLearningRate',
      code: 'out-of-range',
      hint: 'from 1e-12 to 1',
    })
  })

  test('row 18: 1e999 steps', async () => {
    const payload = '{"spec": {"dataset": "digits", "budget": {"generatorSteps": 1e999}}}'
    const fault = await faultOf({ ...post(payload), headers: { 'content-type': 'application/json' } })

    expect(fault).toMatchObject({ pointer: '/spec/budget/generatorSteps', code: 'out-of-range' })
  })

  test.each([
    ['row 23: a size that no pyramid reaches', 63, '63 → 31.5'],
    ['row 23: a multiple of 16 that is none of its powers', 48, '48 → 24 → 12 → 6 → 3'],
  ])('%s is refused with the sizes there would be', async (_, imageSize, sizes) => {
    expect(await faultOf(withSpec({ model: { imageSize } }))).toMatchObject({
      pointer: '/spec/model/imageSize',
      code: 'incompatible-shape',
      message: expect.stringContaining(sizes),
    })
  })

  const rollBack = { when: 'exploding', do: 'roll-back' }

  test.each([
    [
      'that disagree about the rates',
      [rollBack, { ...rollBack, when: 'collapsed', rateFactor: 0.1 }],
      '',
      'invalid',
      /same rateFactor/,
    ],
    [
      'that disagree about the count',
      [rollBack, { ...rollBack, when: 'non-finite', times: 1 }],
      '',
      'invalid',
      /same times/,
    ],
    ['from a critic that only lags', [{ ...rollBack, when: 'lagging' }], '/0/when', 'not-allowed', /collapsed/],
    ['to rates that are no slower', [{ ...rollBack, rateFactor: 1 }], '/0/rateFactor', 'out-of-range', /0\.99/],
    ['no times at all', [{ ...rollBack, times: 0 }], '/0/times', 'out-of-range', /1/],
    ['to a step of theirs', [{ ...rollBack, toStep: 100 }], '/0/toStep', 'unknown-property', /rateFactor/],
  ])('roll-backs %s are refused with field and remedy', async (_, remedies, at, code, says) => {
    const fault = await faultOf(withSpec({ remedies }))
    expect(fault).toMatchObject({ pointer: `/spec/remedies${at}`, code })
    expect(`${fault.message} ${fault.hint}`).toMatch(says)
  })

  const GIB = 2 ** 30

  test.each([
    ['an image of 8192 pixels a side', { model: { imageSize: 8192 } }, '/spec/model/imageSize', 'incompatible-shape'],
    ['a batch of 100 000', { batchSize: 100_000 }, '/spec/batchSize', 'out-of-range'],
    ['a million filters', { model: { criticFilters: 1e6 } }, '/spec/model/criticFilters', 'out-of-range'],
    ['10 000 layers', { model: { extraLayers: 10_000 } }, '/spec/model/extraLayers', 'out-of-range'],
  ])('row 24: %s: beyond the bounds of the spec, and beyond any device', async (_, spec, pointer, code) => {
    for (const request of [withSpec(spec), { ...withSpec(spec), url: '/jobs?dryRun=true' }]) {
      const problem = await refused(rig, request, 422, 'validation-failed')
      expect(pointersOf(problem)).toEqual(
        expect.arrayContaining([
          [pointer, code],
          ['/spec', 'resource-limit'],
        ]),
      )
      const { estimated, limit } = problem.errors!.find((one) => one.code === 'resource-limit')!
      expect(limit).toBe(80 * GIB)
      expect(estimated).toBeGreaterThan(limit!)
    }
  })

  const large = { model: { imageSize: 256, generatorFilters: 512, criticFilters: 512 }, batchSize: 512 }

  test('row 24: within the bounds, but more than a device holds, wherever jobs come from', async () => {
    const fault = { code: 'resource-limit', message: expect.stringMatching(/ GiB .* 80 GiB$/), limit: 80 * GIB }
    const inJob = { ...fault, pointer: '/spec', estimated: expect.any(Number) }

    expect(await faultOf(withSpec(large))).toMatchObject(inJob)
    expect(await faultOf({ ...withSpec(large), url: '/jobs?dryRun=true' })).toMatchObject(inJob)
    const jobs = [aBody(), aBody({ spec: { dataset: 'digits', ...large } })]
    const batch = { method: 'POST', url: '/jobs/batch', payload: { jobs } } as const
    expect(await faultOf(batch)).toMatchObject({ ...fault, pointer: '/jobs/1/spec' })
  })

  test('row 24: the limit is the largest device that a worker of the class has told of', async () => {
    const spec = { model: { imageSize: 128 }, batchSize: 512 }
    const worker = { host: 'h', pid: 1, slots: 1, versions: {}, device: 'some' }
    await rig.db.pool.query('TRUNCATE worker')
    const register = (id: string, deviceClass: 'cpu' | 'gpu', gib: number) =>
      registerWorker(rig.db, { id, deviceClass, memoryBytes: gib * GIB, ...worker })
    const job = await submit(rig, { spec: { dataset: 'digits', ...spec } })
    rowsBefore += 2
    await rig.ask({ method: 'POST', url: `/jobs/${job.id}/cancel` })
    rowsBefore += 1

    await register('small', 'cpu', 4)
    await register('smaller', 'cpu', 3)
    await register('gpu', 'gpu', 40)
    await settled()
    const fault = await faultOf(withSpec({ ...spec, device: 'cpu' }))
    expect(fault).toMatchObject({ code: 'resource-limit', limit: 4 * GIB })
    const batchSize = Number(/at most (\d+)/.exec(fault.hint!)![1])
    const fitting = { ...aBody({ spec: { dataset: 'digits', ...spec, device: 'cpu', batchSize } }) }
    const dry = { method: 'POST', url: '/jobs?dryRun=true' } as const
    expect((await rig.ask({ ...dry, payload: fitting })).statusCode).toBe(200)
    fitting.spec = { ...fitting.spec, batchSize: batchSize + 1 } as never
    expect((await rig.ask({ ...dry, payload: fitting })).statusCode).toBe(422)
    // Any device: the GPU holds it.
    expect((await rig.ask({ method: 'POST', url: `/jobs/${job.id}/retry` })).statusCode).toBe(201)
    rowsBefore += 2

    await rig.db.pool.query("DELETE FROM worker WHERE id = 'gpu'")
    await settled()
    expect(await faultOf({ method: 'POST', url: `/jobs/${job.id}/retry` })).toMatchObject({ limit: 4 * GIB })
    await rig.db.pool.query('TRUNCATE worker')
    await settled()
  })

  test('row 25: channels come from the data, so no spec can contradict them', async () => {
    expect(await faultOf(withSpec({ model: { channels: 4 } }))).toMatchObject({
      pointer: '/spec/model/channels',
      code: 'unknown-property',
    })
  })

  test.each([
    ['of a dataset without labels', { dataset: 'digits', model: { classes: 10 } }, 'conflicting-options', /leave/],
    ['of another number of them', { dataset: 'named', model: { classes: 10 } }, 'conflicting-options', /^3$/],
    [
      'that no batch norm takes',
      { dataset: 'named', model: { classes: 3, generator: 'dcgan-nobn' } },
      'conflicting-options',
      undefined,
    ],
    ['but one', { dataset: 'named', model: { classes: 1 } }, 'out-of-range', /^from 2 to 1000$/],
    ['by their name', { dataset: 'named', model: { classes: 'three' } }, 'wrong-type', undefined],
  ] as const)('classes %s are refused', async (_, spec, code, hint) => {
    const fault = await faultOf(post({ spec }))
    expect(fault).toMatchObject({ pointer: '/spec/model/classes', code })
    if (hint) expect(fault.hint).toMatch(hint)
  })

  test.each([
    ['a clip beside a penalty', { objective: { kind: 'wgan-gp', clip: 0.01 } }, '/spec/objective/clip', /wgan-clip/],
    ['a penalty beside a clip', { objective: { kind: 'wgan-clip', lambda: 10 } }, '/spec/objective/lambda', /wgan-gp/],
    ['spectral norm’s objective without it', { objective: { kind: 'wgan-sn' } }, '/spec/model/critic', /dcgan-sn/],
    ['a beta for RMSProp', { optimizer: { kind: 'rmsprop', beta1: 0 } }, '/spec/optimizer/beta1', /adam/],
  ])('row 27: %s', async (_, spec, pointer, hint) => {
    expect(await faultOf(withSpec(spec))).toMatchObject({
      pointer,
      code: 'conflicting-options',
      hint: expect.stringMatching(hint),
    })
  })

  test.each([
    ['null for an object', { model: null }, '/spec/model', 'wrong-type'],
    ['a kind there is not', { optimizer: { kind: 'sgd' } }, '/spec/optimizer/kind', 'not-allowed'],
    ['an unknown dataset', { dataset: 'digitz' }, '/spec/dataset', 'dataset-not-found'],
    ['an unknown version', { dataset: `digits@${'0'.repeat(16)}` }, '/spec/dataset', 'dataset-not-found'],
    ['a path for a dataset', { dataset: '../../etc/passwd' }, '/spec/dataset', 'invalid-string'],
    ['a URL for a dataset', { dataset: 'file:///etc/passwd' }, '/spec/dataset', 'invalid-string'],
    ['a batch larger than the dataset', { batchSize: 1001 }, '/spec/batchSize', 'dataset-too-small'],
  ])('%s', async (_, spec, pointer, code) => {
    expect(await faultOf(withSpec(spec))).toMatchObject({ pointer, code })
  })

  test('an unknown dataset is answered with those there are', async () => {
    expect((await faultOf(withSpec({ dataset: 'digitz' }))).hint).toBe('did you mean "digits"? known: digits, named')
  })

  test('all errors come at once, the dataset among them', async () => {
    const spec = {
      dataset: 'nowhere',
      batchSize: '64',
      model: { imageSize: 48 },
      objective: { kind: 'wgan-clip', clip: 0 },
    }
    const problem = await refused(rig, post({ nme: 'x', priority: 0, spec }), 422, 'validation-failed')

    expect(pointersOf(problem)?.toSorted()).toEqual([
      ['/nme', 'unknown-property'],
      ['/priority', 'out-of-range'],
      ['/spec/batchSize', 'wrong-type'],
      ['/spec/dataset', 'dataset-not-found'],
      ['/spec/model/imageSize', 'incompatible-shape'],
      ['/spec/objective/clip', 'out-of-range'],
    ])
  })
})

describe('a name', () => {
  test.each([
    ['row 14: with NUL', 'a\u0000b', 'invalid-string'],
    ['row 15: with a lone surrogate', 'a\ud800b', 'invalid-string'],
    ['row 16: with a bidirectional override', 'a\u202eb', 'invalid-string'],
    ['row 16: with an escape sequence', 'a\u001b[31mb', 'invalid-string'],
    ['row 17: of ten thousand characters', 'x'.repeat(10_000), 'too-long'],
  ])('%s', async (_, name, code) => {
    const fault = await faultOf(post(aBody({ name })))

    expect(fault).toMatchObject({ pointer: '/name', code })
    expect(JSON.stringify(fault).length).toBeLessThan(500)
  })
})

test('the same bodies without their faults are taken', async () => {
  const job = await submit(rig)

  rowsBefore += 2
  expect(job.state).toBe('queued')
})

describe('a model that does not fit what the dataset holds', () => {
  beforeAll(async () => {
    await registerDataset(rig.db, { ...digits, id: 'ring', channels: 2, law: { kind: 'ring-8', seed: 1 } })
  })
  const points = { generator: 'mlp', critic: 'mlp', imageSize: 1 }

  test.each([
    ['pyramids for points', { dataset: 'ring' }, '/spec/model/imageSize', /1, with generator/],
    ['points of images', { model: points }, '/spec/model/imageSize', /64/],
    [
      'a pyramid of one pixel',
      { dataset: 'ring', model: { ...points, critic: 'dcgan' } },
      '/spec/model/critic',
      undefined,
    ],
    ['a shift of images', { model: { generator: 'shift' } }, '/spec/model/generator', undefined],
    [
      'more latents than coordinates',
      { dataset: 'ring', model: { ...points, generator: 'shift', latentSize: 3 } },
      '/spec/model/latentSize',
      /at most 2/,
    ],
  ])('%s', async (_, spec, pointer, hint) => {
    const fault = await faultOf(withSpec(spec))

    expect(fault).toMatchObject({ pointer, code: 'incompatible-shape' })
    if (hint) expect(fault.hint).toMatch(hint)
  })
})
