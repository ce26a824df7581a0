import { describe, expect, test } from '@jest/globals'
import {
  type CurvePoint,
  type Diagnostics,
  type HealthRule,
  healthRules,
  JobSpec,
  lossNames,
  type Objective,
} from '@kantor/contracts'
import { createHealthMonitor, type HealthMemory } from './monitor.js'

const specOf = (kind: Objective['kind']) =>
  JobSpec.parse({ dataset: 'test@000000000000', objective: { kind }, seed: 1 })
const OF_LOSSES: Record<string, number> = { w_estimate: 0.5, critic_loss: -0.5, gen_loss: 0.1 }

/** A point of a run that fares well, but for one signal, and `over` beside it. */
function point(step: number, signal: string, value: number, over: Diagnostics = {}): CurvePoint {
  const given: Record<string, number> = { ...OF_LOSSES, ...over, [signal]: value }
  const values = Float32Array.from(lossNames, (name) => given[name] ?? 0)
  const isLoss = (lossNames as readonly string[]).includes(signal)
  return { step, criticStep: 5 * step, values, diagnostics: { ...over, ...(!isLoss && { [signal]: value }) } }
}

const STEPS = 2200
/** What a rise, and what a ratio is over. */
const [BEFORE, OVER] = [0.5, 0.25]
/** The states that a run comes into whose signal is `good`, and `bad` from step 1 600 on. */
function statesOf({ signal, objectives, over }: HealthRule, good: number, bad: number): string[] {
  const monitor = createHealthMonitor(specOf(objectives?.[0] ?? 'wgan-clip'))
  const states: string[] = []
  for (let step = 1; step <= STEPS; step++) {
    const health = monitor.add(point(step, signal, step < 1600 ? good : bad, over && { [over.signal]: OVER }))
    if (health) states.push(health.state)
  }
  return states
}

/** One in a hundred on either side of what the rule allows. */
function sides({ of, above, below }: HealthRule): { good: number; bad: number } {
  if (of === 'bad') return { good: BEFORE, bad: NaN }
  const unit = of === 'rise' ? BEFORE : of === 'ratio' ? OVER : 1
  const level = unit * (above ?? below)!
  // 0 has no hundredth.
  const little = 0.01 * (Math.abs(level) || 1)
  const [nearer, beyond] = above === undefined ? [level + little, level - little] : [level - little, level + little]
  return { good: of === 'rise' ? BEFORE : nearer, bad: beyond }
}

describe('every rule of critic health', () => {
  test.each(Object.entries(healthRules))('%s', (_, rule) => {
    const { good, bad } = sides(rule)
    // Fires when its condition holds, and only then.
    expect(statesOf(rule, good, bad).slice(0, 3)).toEqual(['warming', 'tracking', rule.state])
    expect(statesOf(rule, good, good)).toEqual(['warming', 'tracking'])
  })
  test('has a message of its own, which says which one it was', () => {
    const rules = Object.values(healthRules)
    expect(new Set(rules.map(({ state, reason }) => `${state}: ${reason}`)).size).toBe(rules.length)
  })
})

const lagging = healthRules['estimate-negative']

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

  test.each([
    [{}, ['warming', 'tracking', 'lagging']],
    [{ decay: { from: 0, until: 400 } }, ['warming', 'tracking']],
  ])(
    'a critic that stands still is in trouble, but not where its rates have fallen to nothing: %j',
    (rates, states) => {
      const { optimizer, ...spec } = specOf('wgan-gp')
      const monitor = createHealthMonitor({ ...spec, optimizer: { ...optimizer, ...rates } })
      const told = Array.from({ length: 900 }, (_, i) =>
        monitor.add(point(i + 1, 'critic_update_ratio', i < 400 ? 1e-3 : 0)),
      )
      expect(told.flatMap((health) => (health ? [health.state] : []))).toEqual(states)
    },
  )

  test('does not flicker: a state must be seen at three looks in a row, but for what is not finite', () => {
    const monitor = createHealthMonitor(specOf('wgan-gp'))
    const gap = healthRules['burst-helps']
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
