import { type BudgetPlan, type Dataset, type JobSpec, roughBudget } from '@kantor/contracts'

/** What a rule looks at. */
export interface Facts {
  spec: JobSpec
  dataset: Dataset
  /** Updates up to the end of the budget; nulls where only seconds bound it. */
  plan: BudgetPlan
}

type JsonObject = Record<string, unknown>

/** One thing that is known of WGANs, or of this service, and that a spec can go against. */
export interface Rule {
  code: string
  /** What in the spec is meant. */
  pointer: string
  /** A paper with its section, a thread, or a page of the documentation. */
  citation: string
  fires(facts: Facts): boolean
  /** What is known, and what it does here. */
  message: string | ((facts: Facts) => string)
  /** RFC 7396 merge patch of the spec, after which the rule is silent; null where there is no single answer. */
  suggestion: JsonObject | null | ((facts: Facts) => JsonObject | null)
}

export const factsOf = (spec: JobSpec, dataset: Dataset): Facts => ({
  spec,
  dataset,
  plan: roughBudget(spec, dataset.numImages),
})

export const WGAN = 'Arjovsky et al. 2017, arXiv:1701.07875'
export const WGAN_GP = 'Gulrajani et al. 2017, arXiv:1704.00028'
export const AUTHORS = 'https://github.com/martinarjovsky/WassersteinGAN'

/** Kinds whose critic is bounded, so that the difference of its scores estimates a distance. */
export const isWasserstein = ({ objective }: JobSpec): boolean => !('r1' in objective)

export const isPenalised = ({ objective }: JobSpec): boolean =>
  objective.kind === 'wgan-gp' || objective.kind === 'wgan-div' || ('r1' in objective && objective.r1 > 0)

/** Back to weight clipping, as a merge patch: what belongs to the other kinds goes. */
export const toClipping: JsonObject = {
  objective: { kind: 'wgan-clip', lambda: null, sides: null, k: null, power: null, r1: null, drift: null },
}

/** A number that a person would write: one significant digit. */
export const rounded = (value: number): number => Number(value.toPrecision(1))
