import { describe, expect, test } from '@jest/globals'
import { criticStepsOf, planBudget, roughBudget } from './budget-plan.js'
import { JobSpec } from './job-spec.js'

const aSpec = (over: object = {}) => JobSpec.parse({ dataset: 'toy@0123456789abcdef', seed: 1, ...over })
const noBursts = { criticSteps: 5, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } }

describe('planBudget', () => {
  test("counts the authors' bursts: 25 first steps and every 500th", () => {
    const spec = aSpec({ budget: { generatorSteps: 1001 } })

    expect(planBudget(spec, 64 * 100_000)).toEqual({ steps: 1001, criticSteps: 27 * 100 + 974 * 5 })
  })

  test('25 epochs of Fashion-MNIST at batch 64 end after 4 097 generator steps', () => {
    expect(planBudget(aSpec({ budget: { epochs: 25 } }), 60_000)).toEqual({ steps: 4097, criticSteps: 25 * 938 })
  })

  test('an epoch that ends within a burst cuts it short', () => {
    const spec = aSpec({ schedule: noBursts, batchSize: 10, budget: { epochs: 2 } })

    // 7 batches per epoch: 5 and 2.
    expect(planBudget(spec, 65)).toEqual({ steps: 4, criticSteps: 14 })
  })

  test('the first limit reached ends', () => {
    const spec = aSpec({ schedule: noBursts, batchSize: 10, budget: { epochs: 2, generatorSteps: 3 } })

    expect(planBudget(spec, 65).steps).toBe(3)
    expect(planBudget(aSpec({ budget: { seconds: 60 } }), 65).steps).toBeNull()
  })

  test('a budget too long to count is extrapolated', () => {
    const plan = planBudget(aSpec({ schedule: noBursts, budget: { generatorSteps: 100_000_000 } }), 6400)

    expect(plan).toEqual({ steps: 100_000_000, criticSteps: 500_000_000 })
  })

  test.each([
    ['steps', { generatorSteps: 20_000 }, 60_000],
    ['epochs', { epochs: 200 }, 60_000],
    ['epochs shorter than a burst', { epochs: 3000 }, 1000],
  ])('what is extrapolated of a budget in %s is within 1 %% of what is counted', (_, budget, numImages) => {
    const spec = aSpec({ budget })
    const counted = planBudget(spec, numImages)
    const guessed = roughBudget(spec, numImages)

    expect(counted.steps).toBeGreaterThan(10_000)
    expect(guessed.steps! / counted.steps!).toBeCloseTo(1, 2)
    expect(guessed.criticSteps! / counted.criticSteps!).toBeCloseTo(1, 2)
  })
})

test('critic steps of the first generator steps are those of the authors’ schedule, cut short by epochs', () => {
  const firsts = [0, 1, 25, 500, 501, 1001]
  const many = [0, 100, 2500, 2500 + 475 * 5, 2500 + 475 * 5 + 100, 27 * 100 + 974 * 5]

  expect(firsts.map((steps) => criticStepsOf(aSpec(), 64 * 100_000, steps))).toEqual(many)
  expect(criticStepsOf(aSpec({ schedule: noBursts, batchSize: 10 }), 65, 4)).toBe(14)
})
