import { beforeAll, describe, expect, test } from '@jest/globals'
import { type HealthRuleName, healthRules } from '@kantor/contracts'
import { loadTensorFlow } from '@kantor/engine'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import type { TrainEvent } from '../events.js'
import { lastGoodStep } from './onset.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

/** A critic whose every update is as large as its weights: `exploding` from the first look that is asked for it. */
const run = (remedies: object[], generatorSteps = 260) => ({
  spec: aSpec({
    model: { ...aSpec().model, generator: 'mlp', critic: 'mlp' },
    optimizer: { kind: 'adam', criticLearningRate: 0.1 },
    schedule: { criticSteps: 1, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    budget: { generatorSteps },
    sampling: { every: 1000, count: 2 },
    remedies,
  }),
  images: someImages(4000),
})
const criticStepsOf = (events: TrainEvent[]) => {
  const done = only(events, 'point').map(({ point }) => point.criticStep)
  return done.map((steps, i) => steps - (done[i - 1] ?? 0))
}
const boost = { when: 'exploding', do: 'boost-critic', criticSteps: 7, generatorSteps: 20 }

const ofRule = (name: HealthRuleName) => {
  const { state, reason } = healthRules[name]
  const spec = aSpec({ sampling: { every: 400, count: 2 } })
  return lastGoodStep({ state, reason, suggestion: null, sinceStep: 3000 }, spec)
}

describe('remedies', () => {
  test('boost-critic: more critic steps while the state lasts, for so many steps at most; resumed in the midst, to the bit', async () => {
    const options = run([boost])
    const whole = await collect(options)
    const since = only(whole, 'health').find(({ health }) => health.state === 'exploding')!.health.sinceStep
    expect(since).toBeLessThan(240)
    const expected = Array.from({ length: 260 }, (_, i) => (i >= since && i < since + 20 ? 7 : 1))
    expect(criticStepsOf(whole)).toEqual(expected)
    expect(only(whole, 'remedy')).toEqual([
      { type: 'remedy', step: since, message: expect.stringContaining('7 critic steps per generator step') },
    ])

    const half = await collect({ ...options, stopAfter: since + 8 })
    const rest = await collect({ ...options, resume: lastCheckpoint(half) })
    expect([...only(half, 'point'), ...only(rest, 'point')]).toEqual(only(whole, 'point'))
    expect(Buffer.compare(lastCheckpoint(rest), lastCheckpoint(whole))).toBe(0)
    // Told again when it goes on; nothing is done a second time.
    expect(only(rest, 'health')[0]!.health).toMatchObject({ state: 'exploding', sinceStep: since })
    expect(only(rest, 'remedy')).toEqual([])
  }, 300_000)

  test('roll-back: ends before its step and names the checkpoints of before; with slower rates it goes on, to the bit when interrupted', async () => {
    const rollBack = { when: 'exploding', do: 'roll-back', times: 2, rateFactor: 0.01 }
    const base = run([rollBack, { when: 'exploding', do: 'stop' }])
    // A hundredth of that rate moves weights on the clip bound by far less than a tenth.
    const optimizer = { ...base.spec.optimizer, criticLearningRate: 0.02 }
    const checkpoint = { ...base.spec.checkpoint, everySteps: 40 }
    const options = { ...base, spec: { ...base.spec, optimizer, checkpoint } }
    const first = await collect(options)
    const since = only(first, 'health').find(({ health }) => health.state === 'exploding')!.health.sinceStep
    const last = first.at(-1)!
    expect(last).toEqual({
      type: 'done',
      step: since,
      outcome: 'rolled_back',
      // Two looks, and the 101 values of the rule's median.
      upTo: since - 121,
      message: expect.stringContaining('1 of 2 times, learning rates × 0.01'),
    })
    // Neither a model nor the remedy after it.
    expect(only(first, 'sample').at(-1)!.step).toBe(0)
    expect(only(first, 'checkpoint').every(({ step }) => step < since)).toBe(true)
    expect(only(first, 'remedy')).toEqual([])

    const resume = only(first, 'checkpoint').findLast(({ step }) => step <= since - 121)!.bytes
    const whole = await collect({ ...options, resume, rollBacks: 1 })
    expect(only(whole, 'done')).toEqual([{ type: 'done', step: 260, outcome: 'budget' }])
    const half = await collect({ ...options, resume, rollBacks: 1, stopAfter: 70 })
    const rest = await collect({ ...options, resume: lastCheckpoint(half), rollBacks: 1 })
    expect([...only(half, 'point'), ...only(rest, 'point')]).toEqual(only(whole, 'point'))
    expect(Buffer.compare(lastCheckpoint(rest), lastCheckpoint(whole))).toBe(0)

    // When none is left, the remedy after it is done.
    const barelySlower = { ...rollBack, times: 1, rateFactor: 0.99 }
    const spent = await collect({ ...run([barelySlower, { when: 'exploding', do: 'stop' }]), rollBacks: 1 })
    expect(only(spent, 'done')[0]!.outcome).toBe('critic_diverged')
  }, 300_000)

  test('the last good step is before all that the rule has looked at', () => {
    expect(ofRule('estimate-not-finite')).toBe(2999)
    expect(ofRule('samples-alike')).toBe(3000 - 20 - 3 * 400)
    expect(ofRule('critic-gradient-explodes-by-layer')).toBe(3000 - 20 - 3 * 100)
    expect(ofRule('estimate-doubled')).toBe(3000 - 20 - 101)
    // The longer of what a ratio compares.
    expect(ofRule('estimate-is-noise')).toBe(3000 - 20 - 9 * 100)
  })

  test('stop: ends with a sample, a checkpoint and its own outcome; alert: changes nothing; neither without the state', async () => {
    const stopped = await collect(run([{ when: 'exploding', do: 'stop' }]))
    const { step, outcome } = only(stopped, 'done')[0]!
    expect(outcome).toBe('critic_diverged')
    expect(only(stopped, 'checkpoint').at(-1)!.step).toBe(step)
    expect(only(stopped, 'sample').at(-1)!.step).toBe(step)
    expect(only(stopped, 'remedy')[0]!.step).toBe(step)

    const alerted = await collect(
      run(
        [
          { when: 'exploding', do: 'alert' },
          { when: 'lagging', do: 'stop' },
        ],
        step,
      ),
    )
    expect(only(alerted, 'remedy')).toHaveLength(1)
    expect(only(alerted, 'point')).toEqual(only(stopped, 'point'))
    expect(only(alerted, 'done')[0]!.outcome).toBe('budget')
  }, 300_000)
})
