import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { applyPreset, CreateJob, JobSpec, JobSpecInput, presets } from './index.js'

const penalised = (keys: object) =>
  JobSpecInput.safeParse({ dataset: 'mnist', objective: { kind: 'wgan-gp', ...keys } })

describe('job spec', () => {
  test('the defaults are those of the authors’ main.py', () => {
    const spec = JobSpecInput.parse({ dataset: 'lsun' })

    expect(spec).toEqual({
      dataset: 'lsun',
      device: 'any',
      model: {
        generator: 'dcgan',
        critic: 'dcgan',
        imageSize: 64,
        latentSize: 100,
        generatorFilters: 64,
        criticFilters: 64,
        extraLayers: 0,
      },
      objective: { kind: 'wgan-clip', clip: 0.01, clamp: 'before', clipBatchNorm: true },
      optimizer: { kind: 'rmsprop', criticLearningRate: 5e-5, generatorLearningRate: 5e-5 },
      schedule: {
        criticSteps: 5,
        warmup: { generatorSteps: 25, criticSteps: 100 },
        every: { generatorSteps: 500, criticSteps: 100 },
      },
      batchSize: 64,
      precision: 'float32',
      remedies: [],
      lowerings: 'measured',
      heldOut: 0,
      budget: { generatorSteps: 10_000 },
      sampling: { every: 500, count: 64 },
      checkpoint: { everySteps: 500, everySeconds: 300, keep: 3 },
    })
  })

  test('the author preset is the schema’s own defaults, the paper preset clamps after and has no bursts', () => {
    const author = CreateJob.parse(applyPreset({ preset: 'author', spec: { dataset: 'mnist' } }))
    const paper = CreateJob.parse(applyPreset({ preset: 'paper', spec: { dataset: 'mnist' } }))

    expect(author.spec).toEqual(JobSpecInput.parse({ dataset: 'mnist' }))
    expect(paper.spec.objective).toMatchObject({ kind: 'wgan-clip', clamp: 'after' })
    expect(paper.spec.schedule.warmup.generatorSteps).toBe(0)
    expect(paper.spec.schedule.every.generatorSteps).toBe(0)
  })

  test('a key of the client wins over the preset, and the preset fills what it leaves open', () => {
    const body = applyPreset({ preset: 'paper', spec: { dataset: 'mnist', objective: { clip: 0.02 } } })

    expect(CreateJob.parse(body).spec.objective).toEqual({
      kind: 'wgan-clip',
      clip: 0.02,
      clamp: 'after',
      clipBatchNorm: true,
    })
    expect(presets.paper.objective).toEqual({ kind: 'wgan-clip', clamp: 'after' })
  })

  test('a resolved spec parses to itself, so what is stored reproduces the run', () => {
    const sizes = fc.constantFrom(16, 32, 64, 128, 256)
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 2, max: 1024 }),
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        (imageSize, batchSize, seed) => {
          const spec = JobSpec.parse({ dataset: 'a@0123456789abcdef', model: { imageSize }, batchSize, seed })
          expect(JobSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
        },
      ),
    )
  })

  test('the gradient penalty has the defaults of Gulrajani et al., and nothing to clip', () => {
    expect(penalised({}).data?.objective).toEqual({ kind: 'wgan-gp', lambda: 10, sides: 2 })
    expect(penalised({ lambda: 0, sides: 1 }).data?.objective).toEqual({ kind: 'wgan-gp', lambda: 0, sides: 1 })
    for (const wrong of [{ lambda: -1 }, { lambda: 2e6 }, { sides: 3 }, { clip: 0.01 }]) {
      expect(penalised(wrong).success).toBe(false)
    }
  })

  test('a gradient penalty over the paper preset leaves nothing of the clipping', () => {
    const body = applyPreset({ preset: 'paper', spec: { dataset: 'mnist', objective: { kind: 'wgan-gp', lambda: 5 } } })

    expect(CreateJob.parse(body).spec.objective).toEqual({ kind: 'wgan-gp', lambda: 5, sides: 2 })
  })

  test('a budget needs a limit, and any of the three will do', () => {
    expect(JobSpecInput.safeParse({ dataset: 'mnist', budget: {} }).success).toBe(false)
    for (const limit of ['generatorSteps', 'epochs', 'seconds']) {
      expect(JobSpecInput.parse({ dataset: 'mnist', budget: { [limit]: 3 } }).budget).toEqual({ [limit]: 3 })
    }
  })

  test('two MLPs have nowhere to put extra layers', () => {
    const model = { generator: 'mlp', critic: 'mlp', extraLayers: 1 }

    expect(JobSpecInput.safeParse({ dataset: 'mnist', model }).success).toBe(false)
    expect(JobSpecInput.safeParse({ dataset: 'mnist', model: { ...model, critic: 'dcgan' } }).success).toBe(true)
  })
})
