import { type CriticHealth, type HealthRule, healthRules, type JobSpec, type SeriesName } from '@kantor/contracts'
import { every } from '../diagnostics/cadence.js'
import { LOOK_EVERY, PATIENCE } from './monitor.js'

/**
 * The last step before all that the rule looked at when it named this state: what it saw may have begun as early as that, and a checkpoint of
 * later may hold the trouble already.
 */
export function lastGoodStep({ state, reason, sinceStep }: CriticHealth, spec: Pick<JobSpec, 'sampling'>): number {
  const rule = Object.values(healthRules).find((one) => one.state === state && one.reason === reason)
  return rule ? Math.max(0, sinceStep - spanOf(rule, spec)) : 0
}

/** In generator steps. */
function spanOf({ signal, of, window, over }: HealthRule, spec: Pick<JobSpec, 'sampling'>): number {
  if (of === 'bad') return window
  const spans = [{ signal, window }, ...(over ? [over] : [])].map(
    (seen) => seen.window * stepsBetween(seen.signal, spec),
  )
  return (PATIENCE - 1) * LOOK_EVERY + Math.max(...spans)
}

/** Values of a series. */
function stepsBetween(signal: SeriesName, { sampling }: Pick<JobSpec, 'sampling'>): number {
  if (signal === 'diversity' || signal === 'near_duplicates') return sampling.every
  if (signal === 'layer_slope' || signal === 'lipschitz_bound') return every.layers
  if (signal === 'w_floor' || signal === 'overfit_gap') return every.scores
  return signal.startsWith('slope_') ? every.slopes : 1
}
