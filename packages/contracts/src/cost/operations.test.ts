import { expect, test } from '@jest/globals'
import { operationsPerGeneratorStep } from './operations.js'
import { JobSpec } from '../job-spec.js'

const operations = (changes: object = {}, channels = 3) =>
  operationsPerGeneratorStep(JobSpec.parse({ dataset: 'x@000000000000', seed: 1, ...changes }), channels)

test('the authors’ defaults take the 531 GFLOP that were counted op by op', () => {
  expect(operations() / 531e9).toBeCloseTo(1, 1.9)
})

test.each([
  ['twice the batch', { batchSize: 128 }, 2],
  [
    'twice the filters, four times the work of the wide layers',
    { model: { generatorFilters: 128, criticFilters: 128 } },
    3.9,
  ],
  ['twice the image size, one more layer', { model: { imageSize: 128 } }, 5.3],
  ['one critic step instead of five', { schedule: { criticSteps: 1 } }, 0.3],
  ['a penalty: another pass through the critic, differentiated twice', { objective: { kind: 'wgan-gp' } }, 1.75],
])('%s', (_what, changes, factor) => {
  expect(operations(changes) / operations()).toBeGreaterThan(0.95 * factor)
  expect(operations(changes) / operations()).toBeLessThan(1.05 * factor)
})

test('an MLP is four matrices', () => {
  const model = { generator: 'mlp', critic: 'mlp', imageSize: 16, latentSize: 4, generatorFilters: 8, criticFilters: 8 }
  const matrices = { generator: 4 * 8 + 2 * 64 + 8 * 256, critic: 256 * 8 + 2 * 64 + 8 }
  const perImage = 5 * (2 * matrices.generator + 12 * matrices.critic) + 6 * matrices.generator + 4 * matrices.critic
  expect(operations({ model, batchSize: 2 }, 1)).toBe(2 * perImage)
})

test('residual networks are their convolutions', () => {
  const model = {
    generator: 'resnet',
    critic: 'resnet',
    imageSize: 32,
    latentSize: 8,
    generatorFilters: 4,
    criticFilters: 4,
  }
  const [side3, side1] = [9 * 16, 16]
  const block = (size: number) => (2 * side3 + side1) * size ** 2
  const generator = 8 * 64 + block(8) + block(16) + block(32) + 36 * 32 ** 2
  const critic = (36 + side3) * 32 ** 2 + 4 * 16 ** 2 + block(16) + 4 * side3 * 64 + 4
  const perImage = 5 * (2 * generator + 12 * critic) + 6 * generator + 4 * critic
  expect(operations({ model, batchSize: 2 }, 1)).toBe(2 * perImage)
})

test('one width throughout is the sum of its convolutions', () => {
  const model = { generator: 'dcgan-constant', critic: 'mlp', imageSize: 32, generatorFilters: 8, criticFilters: 1 }
  const deconvolutions = 100 * 16 * 8 + 64 * 16 * (4 ** 2 + 8 ** 2) + 8 * 16 * 3 * 16 ** 2
  const critic = 32 * 32 * 3 + 2 + 1
  expect(operations({ model, batchSize: 2 })).toBe(
    2 * (5 * (2 * deconvolutions + 12 * critic) + 6 * deconvolutions + 4 * critic),
  )
})
