import type { CriticHealth, Remedy } from '@kantor/contracts'

/** A boost under way: part of a checkpoint. */
export interface Boost {
  /** While the critic is in this state, */
  when: CriticHealth['state']
  criticSteps: number
  /** and this many generator steps are not done. */
  untilStep: number
}

export interface AppliedRemedy {
  remedy: Remedy
  /** For people: what was done and why. */
  message: string
}

/** What the spec wants done when the critic comes into a state, in the spec's order. */
export const remediesFor = (remedies: readonly Remedy[], health: CriticHealth): AppliedRemedy[] =>
  remedies
    .filter(({ when }) => when === health.state)
    .map((remedy) => ({ remedy, message: `${deed(remedy)}: the critic is ${health.state}: ${health.reason}` }))

function deed(remedy: Remedy): string {
  if (remedy.do === 'alert') return 'alert'
  if (remedy.do === 'stop') return 'stopped'
  return `${remedy.criticSteps} critic steps per generator step, for ${remedy.generatorSteps} steps or until it recovers`
}

/** The boost that goes on, if any: the one that begins now, or the old one as long as it holds. */
export function boostAfter(
  boost: Boost | null,
  { step, health, applied }: { step: number; health: CriticHealth | null; applied: readonly AppliedRemedy[] },
): Boost | null {
  for (const { remedy } of applied) {
    if (remedy.do !== 'boost-critic') continue
    return { when: remedy.when, criticSteps: remedy.criticSteps, untilStep: step + remedy.generatorSteps }
  }
  return boost !== null && health?.state === boost.when && step < boost.untilStep ? boost : null
}
