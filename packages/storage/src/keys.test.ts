import { describe, expect, test } from '@jest/globals'
import { checkpointKey, datasetKey, sampleKey } from './keys.js'
import { checkKey } from './object-key.js'

const jobId = '0197f0a0-0000-7000-8000-000000000001'
const sha256 = 'ab'.repeat(32)

describe('keys', () => {
  test('lie under their job or dataset and are legal', () => {
    const keys = [
      sampleKey(jobId, 500, 1, sha256),
      checkpointKey(jobId, 500, 1, sha256),
      datasetKey('mnist', 'v1', 'original', 'x'),
    ]

    expect(keys).toEqual([
      `jobs/${jobId}/samples/000000500-1-abababababababab.png`,
      `jobs/${jobId}/checkpoints/000000500-1-abababababababab.safetensors`,
      'datasets/mnist/v1/original/x',
    ])
    for (const key of keys) checkKey(key)
  })

  test('sort by step', () => {
    const steps = [2, 10, 999, 1000, 123456]

    const keys = steps.map((step) => checkpointKey(jobId, step, 1, sha256))

    expect([...keys].sort()).toEqual(keys)
  })

  test('differ by epoch and by content', () => {
    const keys = [
      sampleKey(jobId, 1, 1, sha256),
      sampleKey(jobId, 1, 2, sha256),
      sampleKey(jobId, 1, 1, 'cd'.repeat(32)),
    ]

    expect(new Set(keys).size).toBe(3)
  })
})
