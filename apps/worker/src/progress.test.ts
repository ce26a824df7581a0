import { describe, expect, test } from '@jest/globals'
import { JobSpec } from '@kantor/contracts'
import { planBudget } from './budget-plan.js'
import { ProgressMeter } from './progress.js'
import { packPoints } from './trainer/protocol.js'

const aSpec = (over: object = {}) => JobSpec.parse({ dataset: 'toy@0123456789abcdef', seed: 1, ...over })
const noBursts = { criticSteps: 5, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } }

const batch = (step: number, criticStep: number, elapsedSeconds: number, wEstimate = 0.5) => ({
  ...packPoints([{ step, criticStep, values: Float32Array.of(wEstimate, 0, 0, 0, 0) }]),
  epoch: 3,
  elapsedSeconds,
})

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
})

describe('ProgressMeter', () => {
  test('says nothing before the first point, and no rate before the second message', () => {
    const meter = new ProgressMeter(aSpec(), { steps: 100, criticSteps: 500 })

    expect(meter.current()).toBeUndefined()
    meter.add(batch(1, 5, 1))
    expect(meter.current()).toEqual({
      step: 1,
      totalSteps: 100,
      criticSteps: 5,
      epoch: 3,
      stepsPerSecond: null,
      etaSeconds: null,
      wEstimate: 0.5,
      latest: { w_estimate: 0.5, critic_loss: 0, gen_loss: 0, critic_real: 0, critic_fake: 0 },
    })
  })

  test('averages the rate over the last minute and foretells by updates of both networks', () => {
    const meter = new ProgressMeter(aSpec(), { steps: 1000, criticSteps: 5000 })
    // One slow step with a burst of 100 critic steps long ago, then 2 steps a second.
    meter.add(batch(0, 0, 0))
    for (let s = 0; s <= 100; s++) meter.add(batch(1 + 2 * s, 100 + 10 * s, 50 + s))

    const { stepsPerSecond, etaSeconds } = meter.current()!

    expect(stepsPerSecond).toBeCloseTo(2, 5)
    // 201 + 1 100 updates of 6 000 are done, 12 a second.
    expect(etaSeconds).toBeCloseTo((6000 - 201 - 1100) / 12, 5)
  })

  test('a budget of seconds ends first', () => {
    const meter = new ProgressMeter(aSpec({ budget: { generatorSteps: 1000, seconds: 100 } }), {
      steps: 1000,
      criticSteps: 5000,
    })
    meter.add(batch(1, 5, 1))
    meter.add(batch(2, 10, 90, Number.NaN))

    expect(meter.current()).toMatchObject({ etaSeconds: 10, wEstimate: null })
  })
})
