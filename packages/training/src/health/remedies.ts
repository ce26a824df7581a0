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

type RollBack = Extract<Remedy, { do: 'roll-back' }>

/** What the spec wants done when the critic comes into a state, in the spec's order; nothing comes after a roll-back that is still allowed. */
export function remediesFor(
  remedies: readonly Remedy[],
  health: CriticHealth,
  rollBacks: number,
): { applied: AppliedRemedy[]; rollBack: AppliedRemedy | null } {
  const due = remedies
    .filter(({ when, ...remedy }) => when === health.state && (remedy.do !== 'roll-back' || rollBacks < remedy.times))
    .map((remedy) => ({
      remedy,
      message: `${deed(remedy, rollBacks)}: the critic is ${health.state}: ${health.reason}`,
    }))
  const at = due.findIndex(({ remedy }) => remedy.do === 'roll-back')
  return at < 0 ? { applied: due, rollBack: null } : { applied: due.slice(0, at), rollBack: due[at]! }
}

/** What both learning rates are multiplied by after so many roll-backs. */
export function rollBackScale(remedies: readonly Remedy[], rollBacks: number): number {
  const remedy = remedies.find((one): one is RollBack => one.do === 'roll-back')
  return remedy ? remedy.rateFactor ** rollBacks : 1
}

function deed(remedy: Remedy, rollBacks: number): string {
  if (remedy.do === 'alert') return 'alert'
  if (remedy.do === 'stop') return 'stopped'
  if (remedy.do === 'roll-back') {
    const scale = Number((remedy.rateFactor ** (rollBacks + 1)).toPrecision(3))
    return `rolled back, ${rollBacks + 1} of ${remedy.times} times, learning rates × ${scale} from here`
  }
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
