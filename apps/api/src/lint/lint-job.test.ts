import { describe, expect, test } from '@jest/globals'
import { type Dataset, isObject, JobSpec } from '@kantor/contracts'
import { lintJob, rules } from './lint-job.js'

const aDataset = (changes: Partial<Dataset> = {}): Dataset => ({
  id: 'digits',
  version: '0123456789abcdef',
  contentHash: '0123456789abcdef',
  numImages: 60_000,
  channels: 1,
  law: null,
  labels: [],
  source: 'made by the test',
  sizeBytes: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...changes,
})

const aSpec = (spec: object) => JobSpec.parse({ dataset: 'digits@0123456789abcdef', seed: 1, ...spec })
const codes = (spec: object, dataset = aDataset()) => lintJob(aSpec(spec), dataset).map(({ code }) => code)

/** RFC 7396, section 2. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merged(result[key], value)
  }
  return result
}

const adam = { kind: 'adam', beta1: 0, criticLearningRate: 1e-4, generatorLearningRate: 1e-4 }
const gp = { objective: { kind: 'wgan-gp' }, optimizer: adam, model: { critic: 'dcgan-ln' } }
const mlps = (filters: number) => ({ generator: 'mlp', critic: 'mlp', imageSize: 32, criticFilters: filters })

/** For each rule a spec in which it fires, and one close to it in which it does not. */
const cases: Record<string, { fires: object; silent: object; dataset?: Partial<Dataset>; other?: Partial<Dataset> }> = {
  'adam-with-clipping': { fires: { optimizer: { kind: 'adam' } }, silent: { optimizer: { kind: 'adam', beta1: 0 } } },
  'high-critic-rate': {
    fires: { optimizer: { kind: 'rmsprop', criticLearningRate: 5e-4 } },
    silent: { optimizer: { kind: 'rmsprop', criticLearningRate: 2e-4 } },
  },
  'high-generator-rate': {
    fires: { optimizer: { kind: 'rmsprop', generatorLearningRate: 1e-3 } },
    silent: { optimizer: { kind: 'rmsprop', generatorLearningRate: 2e-4 } },
  },
  'box-out-of-reach': {
    fires: { optimizer: { kind: 'rmsprop', criticLearningRate: 1e-7 } },
    silent: { optimizer: { kind: 'rmsprop', criticLearningRate: 1e-5 } },
  },
  'free-batch-norm': {
    fires: { objective: { kind: 'wgan-clip', clipBatchNorm: false } },
    silent: { objective: { kind: 'wgan-clip', clipBatchNorm: false }, model: { critic: 'dcgan-ln' } },
  },
  'clip-without-norm': { fires: { model: { critic: 'dcgan-nobn' } }, silent: { model: { critic: 'dcgan-ln' } } },
  'clip-too-small': {
    fires: { objective: { kind: 'wgan-clip', clip: 1e-4 } },
    silent: { objective: { kind: 'wgan-clip', clip: 1e-3 } },
  },
  'clip-too-large': {
    fires: { objective: { kind: 'wgan-clip', clip: 0.5 } },
    silent: { objective: { kind: 'wgan-clip', clip: 0.1 } },
  },
  'slope-vanishes': { fires: { model: mlps(16) }, silent: { model: mlps(128) } },
  'slope-explodes': {
    fires: { model: mlps(512), objective: { kind: 'wgan-clip', clip: 0.1 } },
    silent: { model: mlps(512) },
  },
  'deep-clipped-critic': { fires: { model: { extraLayers: 4 } }, silent: { model: { extraLayers: 3 } } },
  'batch-norm-under-penalty': { fires: { ...gp, model: {} }, silent: gp },
  'no-lipschitz-bound': {
    fires: { ...gp, objective: { kind: 'wgan-div', k: 0 } },
    silent: { ...gp, objective: { kind: 'wgan-div' } },
  },
  'weak-penalty': {
    fires: { ...gp, objective: { kind: 'wgan-gp', lambda: 0.01 } },
    silent: { ...gp, objective: { kind: 'wgan-gp', lambda: 0.1 } },
  },
  'high-rate-under-penalty': {
    fires: { ...gp, optimizer: { ...adam, generatorLearningRate: 2e-3 } },
    silent: { ...gp, optimizer: { ...adam, generatorLearningRate: 1e-3 } },
  },
  'bfloat16-under-penalty': { fires: { ...gp, precision: 'bfloat16' }, silent: { precision: 'bfloat16' } },
  'uneven-widths': {
    fires: { precision: 'bfloat16', batchSize: 60, model: { generatorFilters: 20 } },
    silent: { batchSize: 60, model: { generatorFilters: 20 } },
  },
  'odd-filters': {
    fires: { model: { generatorFilters: 33 } },
    silent: { model: { generator: 'dcgan-constant', generatorFilters: 33 } },
  },
  'no-wasserstein-estimate': {
    fires: { objective: { kind: 'hinge', r1: 1 }, model: { critic: 'dcgan-ln' } },
    silent: gp,
  },
  'saturating-generator': {
    fires: { objective: { kind: 'minimax' } },
    silent: { objective: { kind: 'non-saturating' } },
  },
  'fragile-baseline': {
    fires: { objective: { kind: 'least-squares' }, model: { generator: 'mlp' } },
    silent: { model: { generator: 'mlp' } },
  },
  'few-critic-steps': {
    fires: { schedule: { criticSteps: 2 } },
    silent: { schedule: { criticSteps: 1 }, objective: { kind: 'non-saturating' } },
  },
  'no-warm-up': {
    fires: { schedule: { warmup: { generatorSteps: 0 } }, budget: { generatorSteps: 900 } },
    silent: { schedule: { warmup: { generatorSteps: 0 } } },
  },
  'ends-in-warm-up': { fires: { budget: { generatorSteps: 25 } }, silent: { budget: { generatorSteps: 501 } } },
  'few-steps-in-epochs': {
    fires: { budget: { epochs: 25 } },
    silent: { budget: { epochs: 25 } },
    other: { numImages: 3_033_042 },
  },
  'few-images': { fires: {}, silent: {}, dataset: { numImages: 640 }, other: { numImages: 1000 } },
  'small-tail-batch': { fires: {}, silent: {}, dataset: { numImages: 60_001 - 32 }, other: { numImages: 60_000 } },
  'no-checkpoint-between': {
    fires: { checkpoint: { everySteps: 20_000, everySeconds: 7200 } },
    silent: { checkpoint: { everySteps: 20_000 } },
  },
  'no-sample-between': { fires: { sampling: { every: 10_000 } }, silent: { sampling: { every: 5000 } } },
  'small-sample-batch': { fires: { sampling: { count: 1 } }, silent: { sampling: { count: 8 } } },
}

describe('lintJob', () => {
  test('finds nothing in the authors’ defaults, in Algorithm 1 or in the gradient penalty as its paper has it', () => {
    const noBursts = { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } }

    expect(codes({})).toEqual([])
    expect(codes({ objective: { kind: 'wgan-clip', clamp: 'after' }, schedule: noBursts })).toEqual([])
    expect(codes(gp)).toEqual([])
  })

  test('every rule has a case, and a code of its own', () => {
    expect(rules.map(({ code }) => code).toSorted()).toEqual(Object.keys(cases).toSorted())
  })

  test.each(Object.entries(cases))('%s fires, and not next to it', (code, { fires, silent, dataset, other }) => {
    expect(codes(fires, aDataset(dataset))).toContain(code)
    expect(codes(silent, aDataset(other))).not.toContain(code)
  })

  test.each(Object.entries(cases))('%s says where it is known from, and its suggestion mends it', (code, one) => {
    const spec = aSpec(one.fires)
    const dataset = aDataset(one.dataset)
    const finding = lintJob(spec, dataset).find((found) => found.code === code)!

    expect(finding.citation).toMatch(/arXiv:\d{4}\.\d{5}|^https:\/\/|^docs\//)
    expect(finding.pointer).toMatch(/^\/spec\//)
    expect(finding.message).not.toMatch(/undefined|NaN|null/)
    if (code === 'few-images') return expect(finding.suggestion).toBeNull()
    const mended = merged(spec, finding.suggestion)
    expect(codes(mended as object, dataset)).not.toContain(code)
  })
})
