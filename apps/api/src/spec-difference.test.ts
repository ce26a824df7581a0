import { describe, expect, test } from '@jest/globals'
import { type Job, JobSpec } from '@kantor/contracts'
import { nearestJob, specDifferences } from './spec-difference.js'

const aSpec = (changes: object = {}) => JobSpec.parse({ dataset: 'digits', seed: 1, ...changes })
const aJob = (name: string, changes: object = {}) => ({ name, spec: aSpec(changes) }) as Job

describe('specDifferences', () => {
  test('names every leaf that is not shared, with both values where there are two', () => {
    const here = aSpec({ batchSize: 32, objective: { kind: 'wgan-gp', lambda: 5 } })
    const there = aSpec()

    expect(specDifferences(here, there)).toEqual(
      expect.arrayContaining([
        { pointer: '/batchSize', here: 32, there: 64 },
        { pointer: '/objective/kind', here: 'wgan-gp', there: 'wgan-clip' },
        { pointer: '/objective/lambda', here: 5 },
        { pointer: '/objective/clip', there: 0.01 },
      ]),
    )
    expect(specDifferences(there, there)).toEqual([])
  })
})

describe('nearestJob', () => {
  test('is the one with the fewest differing keys, whatever its seed', () => {
    const failed = aJob('failed', { optimizer: { kind: 'rmsprop', criticLearningRate: 0.1 } })
    const far = aJob('far', { batchSize: 32 })
    const near = aJob('near', { seed: 2 })

    expect(nearestJob(failed, [far, near])).toEqual({
      job: near,
      differences: expect.arrayContaining([{ pointer: '/seed', here: 1, there: 2 }]),
    })
    expect(nearestJob(failed, [])).toBeNull()
  })
})
