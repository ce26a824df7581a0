import { type CurveMark, type HealthRule, healthRules, type JobSpec, type SeriesName } from '@kantor/contracts'
import { count, figure } from '../format.js'

/** What rules of critic health have to do with one series of a job. */
export interface Watched {
  /** Levels that its median must not cross, as lines of its chart. */
  limits: Limit[]
  /** Rules that no level can show: of growth, and of what is set against another series. */
  others: HealthRule[]
}

export interface Limit {
  rule: HealthRule
  value: number
}

const allRules: readonly HealthRule[] = Object.values(healthRules)

const isLevel = ({ of }: HealthRule) => of === 'median'

/** The rules that look at a series in jobs of this objective; lost numbers are every chart's own crosses. */
export function watched(name: SeriesName, { kind }: JobSpec['objective']): Watched {
  const rules = allRules.filter(
    ({ signal, of, objectives }) => signal === name && of !== 'bad' && (objectives?.includes(kind) ?? true),
  )
  return {
    limits: rules.filter(isLevel).map((rule) => ({ rule, value: rule.above ?? rule.below ?? 0 })),
    others: rules.filter((rule) => !isLevel(rule)),
  }
}

/** `saturated above 0.95`. */
export const limitWords = ({ rule, value }: Limit): string =>
  `${rule.state} ${rule.above === undefined ? 'below' : 'above'} ${shortly(value)}`

export const limitHint = ({ state, window, from, reason, suggestion, source }: HealthRule): string =>
  `${state}: ${reason}. ${window === 1 ? 'The newest value' : `Median of ${window} values`}, from step ${count(from)} on. ` +
  `What can be done: ${suggestion}. Source: ${source}.`

const shortly = (value: number) =>
  Math.abs(value) < 1e-3 && value !== 0 ? figure(value, 1) : String(value).replace('-', '−')

/** A health mark that tells the end of trouble. */
export const isRecovery = ({ type, message = '' }: CurveMark): boolean =>
  type === 'health' && /^(tracking|warming):/.test(message)

/**
 * The series that a mark is about: a health mark says `state: reason`, and a remedy's ends so. Null for marks of the whole job, and where the
 * rule of a stored mark is no longer there.
 */
export function signalOf({ type, message = '' }: CurveMark): SeriesName | null {
  if (type !== 'health' && type !== 'remedy') return null
  return allRules.find(({ state, reason }) => message.endsWith(`${state}: ${reason}`))?.signal ?? null
}

/**
 * From where to where a chart's axis goes: over its values, and on to a limit that is not farther away than they are apart twice. A farther one
 * would flatten the curve: it stands at the edge, with an arrow.
 */
export function axisRange(min: number, max: number, limits: readonly number[]): [number, number] {
  const spread = max - min || Math.abs(max) / 2 || 1
  const near = limits.filter((limit) => limit >= min - 2 * spread && limit <= max + 2 * spread)
  const low = Math.min(min, ...near)
  const high = Math.max(max, ...near)
  const margin = (high - low || spread) * 0.08
  return [low - margin, high + margin]
}
