import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import type { TrainEvent } from '../events.js'

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
