import {
  type CriticHealth,
  type CurvePoint,
  type HealthRule,
  healthRules,
  type HealthState,
  type JobSpec,
  lossNames,
  type SeriesName,
} from '@kantor/contracts'
import { holds, sizesOf } from './judge.js'

/** Generator steps between two looks: medians do not change faster. */
export const LOOK_EVERY = 10
/** Looks in a row at which another state must be seen before it counts, but for `non-finite`: nothing flickers. */
export const PATIENCE = 3

/** All that the monitor remembers: part of a checkpoint, so that a resumed run judges as an uninterrupted one does. */
export interface HealthMemory {
  health: CriticHealth | null
  /** Another state than the present one, and at how many looks in a row it was seen. */
  candidate: { state: HealthState; looks: number } | null
  /** The newest values of every series that a rule looks at, oldest first; null is not finite. */
  windows: Partial<Record<SeriesName, (number | null)[]>>
}

export const noMemory = (): HealthMemory => ({ health: null, candidate: null, windows: {} })

export interface HealthMonitor {
  readonly memory: HealthMemory
  /** Takes the next point; the critic's new state, when it came into another one. */
  add(point: CurvePoint): CriticHealth | null
}

export function createHealthMonitor(
  { objective, schedule, optimizer }: Pick<JobSpec, 'objective' | 'schedule' | 'optimizer'>,
  memory: HealthMemory = noMemory(),
): HealthMonitor {
  const rules = Object.values(healthRules).filter(
    ({ objectives, unlessDecaying }) =>
      (objectives?.includes(objective.kind) ?? true) && !(unlessDecaying && optimizer.decay),
  )
  const sizes = windowSizes(rules)
  // Until the median of the estimate is one of steps after the warm-up.
  const warm = schedule.warmup.generatorSteps + 101

  const judge = (step: number): CriticHealth => {
    const broken = rules.find((rule) => step >= rule.from && holds(rule, memory.windows))
    if (broken) {
      const { state, reason, suggestion } = broken
      return { state, reason, suggestion, sinceStep: step }
    }
    const state = step < warm ? 'warming' : 'tracking'
    const reason = state === 'warming' ? 'too early to tell' : 'no rule of critic health is broken'
    return { state, reason, suggestion: null, sinceStep: step }
  }
  return {
    memory,
    add(point) {
      for (const [name, value] of valuesOf(point)) {
        const size = sizes.get(name)
        if (size === undefined) continue
        const window = (memory.windows[name] ??= [])
        window.push(Number.isFinite(value) ? Math.fround(value) : null)
        if (window.length > size) window.shift()
      }
      const isBad = valuesOf(point).some(([name, value]) => sizes.has(name) && !Number.isFinite(value))
      if (point.step % LOOK_EVERY !== 0 && !isBad && memory.health !== null) return null

      const seen = judge(point.step)
      if (seen.state === memory.health?.state) {
        memory.candidate = null
        return null
      }
      const looks = memory.candidate?.state === seen.state ? memory.candidate.looks + 1 : 1
      memory.candidate = { state: seen.state, looks }
      if (looks < PATIENCE && seen.state !== 'non-finite' && memory.health !== null) return null
      memory.health = seen
      memory.candidate = null
      return seen
    },
  }
}

function valuesOf({ values, diagnostics = {} }: CurvePoint): [SeriesName, number][] {
  const losses = lossNames.map((name, i): [SeriesName, number] => [name, values[i] as number])
  return [...losses, ...(Object.entries(diagnostics) as [SeriesName, number][])]
}

function windowSizes(rules: readonly HealthRule[]): Map<SeriesName, number> {
  const sizes = new Map<SeriesName, number>()
  for (const [name, size] of rules.flatMap(sizesOf)) sizes.set(name, Math.max(sizes.get(name) ?? 0, size))
  return sizes
}
