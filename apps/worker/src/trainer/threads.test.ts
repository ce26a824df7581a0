import { expect, test } from '@jest/globals'
import { JobSpec } from '@kantor/contracts'
import { threadsFor } from './threads.js'

const spec = (filters: number, imageSize: number) =>
  JobSpec.parse({
    dataset: 'x@000000000000',
    seed: 1,
    model: { imageSize, generatorFilters: filters, criticFilters: filters },
  })

test('large steps split their ops over all threads, small ones run several ops at once', () => {
  expect(threadsFor(spec(64, 64), 3, 2)).toBe(2)
  expect(threadsFor(spec(64, 64), 3, 16)).toBe(16)
  expect(threadsFor(spec(16, 32), 1, 2)).toBe(1)
  expect(threadsFor(spec(4, 16), 1, 16)).toBe(1)
})
