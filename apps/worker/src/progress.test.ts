import { describe, expect, test } from '@jest/globals'
import { JobSpec } from '@kantor/contracts'
import { ProgressMeter } from './progress.js'
import { packPoints } from './trainer/protocol.js'

const aSpec = (over: object = {}) => JobSpec.parse({ dataset: 'toy@0123456789abcdef', seed: 1, ...over })

const batch = (step: number, criticStep: number, elapsedSeconds: number, wEstimate = 0.5) => ({
  ...packPoints([{ step, criticStep, values: Float32Array.of(wEstimate, 0, 0, 0, 0) }]),
  epoch: 3,
  elapsedSeconds,
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
