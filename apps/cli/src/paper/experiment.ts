import type { Lab } from './lab.js'

/** One claim, as the paper or a calculation has it, beside what came out. */
export interface Finding {
  name: string
  truth: number
  measured: number
  /** `within`: largest |measured − truth| that counts as agreement. `factor`: largest ratio of the two. Bounds have none. */
  tolerance: number
  /** `within` where it is left out. */
  relation?: 'within' | 'factor' | 'at-least' | 'at-most'
}

interface Claim {
  /** As typed after `kantor paper`. */
  name: string
  question: string
  /** What is shown, in one sentence. */
  claim: string
  /** Where the claim stands. */
  source: string
}

/** Arithmetic, done in this process within seconds. */
interface Calculation extends Claim {
  run: () => Finding[]
  /** An SVG. */
  picture?: () => string
}

/** Trains jobs on a service of its own and looks at what they leave behind. */
export interface Training extends Claim {
  train: (lab: Lab) => Promise<Outcome>
}

interface Outcome {
  findings: Finding[]
  /** An SVG of what was found. */
  picture: string
}

export type Experiment = Calculation | Training

export const isTraining = (experiment: Experiment): experiment is Training => 'train' in experiment

/** Distance from the truth in tolerances: at most 1 is agreement. Equal infinities agree. Of a bound, the share that was missing. */
export function deviation({ truth, measured, tolerance, relation = 'within' }: Finding): number {
  if (truth === measured) return 0
  const off = {
    within: Math.abs(measured - truth) / tolerance,
    factor: Math.abs(Math.log(measured / truth)) / Math.log(tolerance),
    'at-least': truth / measured,
    'at-most': measured / truth,
  }[relation]
  return Number.isNaN(off) || (relation === 'at-least' && measured <= 0) ? Infinity : Math.max(0, off)
}

/** A claim about every member of a family: how many break it. */
export const violations = (name: string, count: number): Finding => ({
  name,
  truth: 0,
  measured: count,
  tolerance: 0.5,
})

/** A finding whose tolerance is a share of the truth. */
export const within = (share: number, name: string, truth: number, measured: number): Finding => ({
  name,
  truth,
  measured,
  tolerance: Math.abs(truth) * share,
})

export const factor = (tolerance: number, name: string, truth: number, measured: number): Finding => ({
  name,
  truth,
  measured,
  tolerance,
  relation: 'factor',
})

/** Bounds, of positive numbers. */
export const atLeast = (bound: number, name: string, measured: number): Finding => ({
  name,
  truth: bound,
  measured,
  tolerance: 0,
  relation: 'at-least',
})

export const atMost = (bound: number, name: string, measured: number): Finding => ({
  name,
  truth: bound,
  measured,
  tolerance: 0,
  relation: 'at-most',
})
