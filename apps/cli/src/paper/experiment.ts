/** One claim, as the paper or a calculation has it, beside what came out. */
export interface Finding {
  name: string
  truth: number
  measured: number
  /** Largest |measured − truth| that counts as agreement. */
  tolerance: number
}

export interface Experiment {
  /** As typed after `kantor paper`. */
  name: string
  /** What is shown, in one sentence. */
  claim: string
  /** Where the claim stands. */
  source: string
  run: () => Finding[]
}

/** Distance from the truth in tolerances: at most 1 is agreement. Equal infinities agree. */
export function deviation({ truth, measured, tolerance }: Finding): number {
  if (truth === measured) return 0
  const off = Math.abs(measured - truth) / tolerance
  return Number.isNaN(off) ? Infinity : off
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
