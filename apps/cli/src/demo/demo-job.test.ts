import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { CreateJob } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'

test('the demo’s job is a valid request whose samples suffice for its verdict', async () => {
  const body: unknown = JSON.parse(await readFile(join(repoRoot(), 'examples/demo.json'), 'utf8'))
  const { spec } = CreateJob.parse(body)

  // With 64 images the distances of real and of blurred images run into each other.
  expect(spec.sampling.count).toBe(256)
  expect(spec.dataset).toBe('mnist')
  // A slow machine ends in time, with fewer steps.
  expect(spec.budget.seconds).toBeLessThanOrEqual(300)
})
