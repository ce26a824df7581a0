import { isTerminal, type Lint, type ParameterValue, type Sweep, type Trial } from '@kantor/contracts'
import { nothing } from '../format.js'

const DIGITS = 3

/** A value as a table has room for it: a drawn number in three digits, one that somebody wrote as it was written. */
export const parameterText = (value: ParameterValue | undefined): string => {
  if (value === undefined) return nothing
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value).replace(/^-/, '−')
  return String(Number(value.toPrecision(DIGITS))).replaceAll('-', '−')
}

const last = (path: string) => path.slice(path.lastIndexOf('.') + 1)

/** The last part of each path, or the whole of those that share it. */
export function shortNames(paths: readonly string[]): Map<string, string> {
  return new Map(
    paths.map((path) => [path, paths.filter((other) => last(other) === last(path)).length === 1 ? last(path) : path]),
  )
}

/** What must be equal of two trials before their estimates can be read on one axis: searched keys that set the scale. */
export const scalePaths = ({ lint }: { lint: readonly Pick<Lint, 'code' | 'pointer'>[] }): string[] =>
  lint
    .filter(({ code }) => code === 'ranks-other-scales')
    .map(({ pointer }) => pointer.replace('/search/parameters/', ''))

/** `clip 0.01, critic mlp`, exact; empty when all trials share one scale. */
export const scaleOf = ({ parameters }: Trial, paths: readonly string[]): string => {
  const names = shortNames(paths)
  return paths.map((path) => `${names.get(path)} ${String(parameters[path])}`).join(', ')
}

const hasRank = ({ value, state }: Trial) => value !== null && state !== 'failed' && state !== 'cancelled'

/** Best first by the sweep's objective; those without a rank last, as they were numbered. */
export function ranked(trials: readonly Trial[], { objective }: Pick<Sweep, 'objective'>): Trial[] {
  const sign = objective.goal === 'max' ? -1 : 1
  const score = (trial: Trial) => (hasRank(trial) ? sign * trial.value! : Infinity)
  return trials.toSorted((a, b) => {
    const [first, second] = [score(a), score(b)]
    return first === second ? a.trial - b.trial : first - second
  })
}

/** Whether something may still change. */
export const isOver = (trials: readonly Trial[]): boolean => trials.every(({ state }) => isTerminal(state))
