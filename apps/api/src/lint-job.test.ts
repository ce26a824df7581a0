import { describe, expect, test } from '@jest/globals'
import { type Dataset, JobSpec } from '@kantor/contracts'
import { lintJob } from './lint-job.js'

const dataset: Dataset = {
  id: 'digits',
  version: '0123456789abcdef',
  contentHash: '0123456789abcdef',
  numImages: 640,
  law: null,
  channels: 1,
  labels: [],
  source: 'made by the test',
  sizeBytes: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
}

const codes = (spec: object) =>
  lintJob(JobSpec.parse({ dataset: 'digits@0123456789abcdef', seed: 1, ...spec }), dataset).map(({ code }) => code)

describe('lintJob', () => {
  test('finds nothing in the authors’ defaults', () => {
    expect(codes({})).toEqual([])
  })

  test('warns of batch norm in a critic under a gradient penalty, and of nothing that belongs to clipping', () => {
    const optimizer = { kind: 'adam', criticLearningRate: 1e-3 }
    const objective = { kind: 'wgan-gp' }

    expect(codes({ objective, optimizer })).toEqual(['batch-norm-under-penalty'])
    for (const critic of ['dcgan-nobn', 'mlp']) expect(codes({ objective, optimizer, model: { critic } })).toEqual([])
    expect(codes({ objective, model: { generator: 'dcgan', critic: 'dcgan-nobn' } })).toEqual([])
  })

  test('says that the scores of a baseline make no estimate, and counts R1 and the divergence as gradient penalties', () => {
    const baseline = 'no-wasserstein-estimate'
    expect(codes({ objective: { kind: 'hinge' } })).toEqual([baseline])
    expect(codes({ objective: { kind: 'hinge', r1: 10 } })).toEqual(['batch-norm-under-penalty', baseline])
    expect(codes({ objective: { kind: 'wgan-div' } })).toEqual(['batch-norm-under-penalty'])
  })
})
