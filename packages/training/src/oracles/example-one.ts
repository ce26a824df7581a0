import type { Divergences } from './divergences.js'

/**
 * Example 1 of Arjovsky et al. 2017: Z uniform on [0, 1], the law of (0, Z) against that of (θ, Z). Two parallel lines
 * share no point unless θ = 0, so everything but W₁ is blind to how far they are apart.
 */
export function parallelLines(theta: number): Divergences & { w1: number } {
  const apart = theta !== 0
  return { w1: Math.abs(theta), js: apart ? Math.LN2 : 0, tv: apart ? 1 : 0, kl: apart ? Infinity : 0 }
}
