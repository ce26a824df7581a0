/** A normal law on the line: mean, and standard deviation > 0. */
export interface NormalLaw {
  mean: number
  deviation: number
}

/** Logarithm of its density at `x`. */
export const normalLogDensity = ({ mean, deviation }: NormalLaw, x: number): number =>
  -0.5 * ((x - mean) / deviation) ** 2 - Math.log(deviation * Math.sqrt(2 * Math.PI))

/** P(Z ≤ x) of the standard normal law, to about 1e-15 absolute and, in the lower tail, 1e-13 relative. */
export function normalCdf(x: number): number {
  return x > 0 ? 1 - upperTail(x) : upperTail(-x)
}

/** P(Z > x) for x ≥ 0: the series of the integral from 0 near the middle, Laplace's continued fraction in the tail. */
function upperTail(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)
  if (x < 3) {
    let term = x
    let sum = x
    for (let k = 1; term > 1e-17 * sum; k++) {
      term *= (x * x) / (2 * k + 1)
      sum += term
    }
    return 0.5 - density * sum
  }
  // x + 1/(x + 2/(x + 3/…)), from the inside out; 60 levels are exact to a rounding at 3 and better beyond.
  let fraction = x
  for (let level = 60; level > 0; level--) fraction = x + level / fraction
  return density / fraction
}

/** `count` quantiles at the midpoints of equal shares of probability: the best empirical stand-in for the law. */
export function normalQuantiles(law: NormalLaw, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => law.mean + law.deviation * standardQuantile((i + 0.5) / count))
}

/** Bisection: slow, and cannot go wrong. */
function standardQuantile(probability: number): number {
  let low = -40
  let high = 40
  while (high - low > 1e-13) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * W₁ of two normal laws. Sorted, their difference is the normal variable m + sZ with s = |σ₁ − σ₂|, so W₁ is the mean of
 * its absolute value: s√(2/π)·e^(−m²/2s²) + m(1 − 2Φ(−m/s)).
 */
export function normalWasserstein1(a: NormalLaw, b: NormalLaw): number {
  const shift = Math.abs(a.mean - b.mean)
  const spread = Math.abs(a.deviation - b.deviation)
  if (spread === 0) return shift
  const ratio = shift / spread
  return spread * Math.sqrt(2 / Math.PI) * Math.exp(-0.5 * ratio * ratio) + shift * (1 - 2 * normalCdf(-ratio))
}

/** W₂ of two normal laws on the line: √((μ₁ − μ₂)² + (σ₁ − σ₂)²). */
export const normalWasserstein2 = (a: NormalLaw, b: NormalLaw): number =>
  Math.hypot(a.mean - b.mean, a.deviation - b.deviation)
