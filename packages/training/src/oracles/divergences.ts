import { type NormalLaw, normalLogDensity } from './normal-law.js'

/** What the paper compares W₁ with. Jensen–Shannon with the usual halves: at most log 2, as in the paper's Example 1. */
export interface Divergences {
  /** Kullback–Leibler from the first law to the second; Infinity where the second lacks mass that the first has. */
  kl: number
  /** Jensen–Shannon: ½ KL(p‖m) + ½ KL(q‖m), m = (p + q) / 2. */
  js: number
  /** Total variation: half the L₁ distance. */
  tv: number
}

/** Of two laws on the same finite set. @throws RangeError when the lists differ in length or do not sum to 1. */
export function discreteDivergences(p: readonly number[], q: readonly number[]): Divergences {
  if (p.length !== q.length) throw new RangeError(`${p.length} and ${q.length} probabilities are not over one set`)
  for (const law of [p, q]) {
    const total = law.reduce((sum, x) => sum + x, 0)
    if (Math.abs(total - 1) > 1e-9) throw new RangeError(`probabilities that sum to ${total} are no law`)
  }
  return integrate(p.length, (i) => [Math.log(p[i] as number), Math.log(q[i] as number)], 1)
}

/** Half-width in standard deviations: what lies beyond weighs less than 1e-40. */
const REACH = 14
const NUM_POINTS = 200_001

/**
 * Of two normal laws, by the trapezium rule over 200 001 points: to 1e-9, for any distance (total variation has a kink,
 * the others are far better).
 */
export function normalDivergences(a: NormalLaw, b: NormalLaw): Divergences {
  const reach = REACH * Math.max(a.deviation, b.deviation)
  const from = Math.min(a.mean, b.mean) - reach
  const to = Math.max(a.mean, b.mean) + reach
  const width = (to - from) / (NUM_POINTS - 1)
  return integrate(
    NUM_POINTS,
    (i) => {
      const x = from + i * width
      return [normalLogDensity(a, x), normalLogDensity(b, x)]
    },
    width,
  )
}

/** From log densities: a density such as e^−5000 is 0 as a float, and its logarithm is what KL asks for. */
function integrate(count: number, logsAt: (index: number) => [number, number], weight: number): Divergences {
  let [kl, js, tv] = [0, 0, 0]
  for (let i = 0; i < count; i++) {
    const [logP, logQ] = logsAt(i)
    const [p, q] = [Math.exp(logP), Math.exp(logQ)]
    const logMiddle = Math.log((p + q) / 2)
    kl += surprise(p, logP - logQ)
    js += (surprise(p, logP - logMiddle) + surprise(q, logQ - logMiddle)) / 2
    tv += Math.abs(p - q) / 2
  }
  return { kl: kl * weight, js: js * weight, tv: tv * weight }
}

/** p log(p/q), 0 where there is no p. */
const surprise = (p: number, logRatio: number) => (p === 0 ? 0 : p * logRatio)
