import { describe, expect, test } from '@jest/globals'
import { type CurvePoint, type HealthRule, healthRules, JobSpec, lossNames, type Objective } from '@kantor/contracts'
import { createHealthMonitor, type HealthMemory } from './monitor.js'

const specOf = (kind: Objective['kind']) =>
  JobSpec.parse({ dataset: 'test@000000000000', objective: { kind }, seed: 1 })
const OF_LOSSES: Record<string, number> = { w_estimate: 0.5, critic_loss: -0.5, gen_loss: 0.1 }

/** A point of a run that fares well, but for one signal. */
function point(step: number, signal: string, value: number): CurvePoint {
  const values = Float32Array.from(lossNames, (name) => (name === signal ? value : (OF_LOSSES[name] ?? 0)))
  const isLoss = (lossNames as readonly string[]).includes(signal)
  return { step, criticStep: 5 * step, values, diagnostics: isLoss ? {} : { [signal]: value } }
}

const STEPS = 2200
/** The states that a run comes into whose signal is `good`, and `bad` from step 1 600 on. */
function statesOf({ signal, objectives }: HealthRule, good: number, bad: number): string[] {
  const monitor = createHealthMonitor(specOf(objectives?.[0] ?? 'wgan-clip'))
  const states: string[] = []
  for (let step = 1; step <= STEPS; step++) {
    const health = monitor.add(point(step, signal, step < 1600 ? good : bad))
    if (health) states.push(health.state)
  }
  return states
}

/** On either side of what the rule allows. */
function sides({ of, above, below }: HealthRule): { good: number; bad: number } {
  if (of === 'bad') return { good: 0.5, bad: NaN }
  if (of === 'rise') return { good: 0.5, bad: 0.5 * above! * 1.1 }
  return above !== undefined ? { good: above - 0.1, bad: above * 1.01 } : { good: below! + 0.2, bad: below! - 0.1 }
}

describe('every rule of critic health', () => {
  test.each(healthRules.map((rule) => [`${rule.state}: ${rule.signal}, ${rule.of}`, rule] as const))(
    '%s',
    (_, rule) => {
      const { good, bad } = sides(rule)
      // Fires when its condition holds, and only then.
      expect(statesOf(rule, good, bad).slice(0, 3)).toEqual(['warming', 'tracking', rule.state])
      expect(statesOf(rule, good, good)).toEqual(['warming', 'tracking'])
    },
  )
})

const lagging = healthRules.find(({ signal, of }) => signal === 'w_estimate' && of === 'median')!

const wavering = (step: number) => (step === 500 ? NaN : step > 700 ? -0.1 : 0.5)

const run = (monitor: ReturnType<typeof createHealthMonitor>, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => monitor.add(point(from + i, 'w_estimate', wavering(from + i))))

describe('the monitor', () => {
  test('comes back to tracking when the signal does', () => {
    const monitor = createHealthMonitor(specOf('wgan-clip'))
    const told = Array.from({ length: 1200 }, (_, i) => {
      const step = i + 1
      return monitor.add(point(step, lagging.signal, step > 400 && step < 700 ? -0.1 : 0.5))
    }).filter((health) => health !== null)
    expect(told.map(({ state }) => state)).toEqual(['warming', 'tracking', 'lagging', 'tracking'])
    expect(told[2]).toMatchObject({ reason: lagging.reason, suggestion: lagging.suggestion })
    expect(told[3]).toMatchObject({ suggestion: null })
  })

  test('does not flicker: a state must be seen at three looks in a row, but for what is not finite', () => {
    const monitor = createHealthMonitor(specOf('wgan-gp'))
    const gap = healthRules.find(({ signal }) => signal === 'optimality_gap')!
    const told = Array.from({ length: 900 }, (_, i) => {
      // Every burst says another thing, and the next look hears it.
      const step = i + 1
      return monitor.add(
        step % 20 === 0 ? point(step, gap.signal, step % 40 === 0 ? 0.9 : 0) : point(step, 'gen_gradient_norm', 1),
      )
    }).filter((health) => health !== null)
    expect(told.map(({ state }) => state)).toEqual(['warming', 'tracking'])
    expect(monitor.add(point(901, 'w_estimate', Infinity))).toMatchObject({ state: 'non-finite', sinceStep: 901 })
  })

  test('remembers all that it needs: from a copy through JSON it goes on as if nothing had been', () => {
    const spec = specOf('wgan-clip')
    const whole = run(createHealthMonitor(spec), 1, 1000)
    for (const cut of [499, 500, 733, 775]) {
      const first = createHealthMonitor(spec)
      const before = run(first, 1, cut)
      const memory = JSON.parse(JSON.stringify(first.memory)) as HealthMemory
      expect([...before, ...run(createHealthMonitor(spec, memory), cut + 1, 1000)]).toEqual(whole)
    }
  })

  test('asks a standard GAN nothing that holds for a Wasserstein estimate only', () => {
    const monitor = createHealthMonitor(specOf('non-saturating'))
    const told = Array.from({ length: 600 }, (_, i) => monitor.add(point(i + 1, 'w_estimate', -3))).filter(Boolean)
    expect(told.map((health) => health!.state)).toEqual(['warming', 'tracking'])
  })
})
