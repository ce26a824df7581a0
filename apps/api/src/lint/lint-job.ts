import type { Dataset, JobSpec, Lint } from '@kantor/contracts'
import { clippingRules } from './clipping.js'
import { criticRules } from './critics.js'
import { type Facts, factsOf, type Rule } from './rule.js'
import { scheduleRules } from './schedule.js'

/** Every rule, in the order in which findings are told. */
export const rules: readonly Rule[] = [...clippingRules, ...criticRules, ...scheduleRules]

/** What is legal but unwise in a resolved spec: acceptable, and probably not what its author wants. */
export function lintJob(spec: JobSpec, dataset: Dataset): Lint[] {
  const facts = factsOf(spec, dataset)
  return rules.filter((rule) => rule.fires(facts)).map((rule) => findingOf(rule, facts))
}

const findingOf = ({ code, pointer, citation, message, suggestion }: Rule, facts: Facts): Lint => ({
  code,
  pointer,
  message: typeof message === 'string' ? message : message(facts),
  citation,
  suggestion: typeof suggestion === 'function' ? suggestion(facts) : suggestion,
})
