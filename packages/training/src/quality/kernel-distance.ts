import { sfc32 } from '../sfc32.js'
import { countPairs, pickPoints, type Points } from './points.js'

/**
 * The unbiased estimate of MMD² under the kernel (xᵀy/d + 1)³: the kernel inception distance (Bińkowski et al. 2018). Unlike a Fréchet
 * distance its mean does not depend on the number of points; it may be negative. @throws RangeError with fewer than two points on a side.
 */
export function kernelDistance(a: Points, b: Points): number {
  const [m, n] = countPairs(a, b, 2)
  const within = (side: Points, count: number) => (2 * kernelSum(side, side, true)) / (count * (count - 1))
  return within(a, m) + within(b, n) - (2 * kernelSum(a, b, false)) / (m * n)
}

/** Over all pairs, or over each pair of different points once. */
function kernelSum(a: Points, b: Points, belowDiagonal: boolean): number {
  const { dimensions } = a
  let sum = 0
  for (let i = 0; i < a.values.length; i += dimensions)
    for (let j = 0; j < (belowDiagonal ? i : b.values.length); j += dimensions) {
      let dot = 0
      for (let k = 0; k < dimensions; k++) dot += (a.values[i + k] as number) * (b.values[j + k] as number)
      sum += (dot / dimensions + 1) ** 3
    }
  return sum
}

export interface SubsetEstimate {
  /** Mean over the subsets. */
  value: number
  /** The middle 95 % of them: where another estimate from so few points may lie. */
  low: number
  high: number
}

/**
 * `kernelDistance` of random subsets, as it is reported everywhere (torch-fidelity: 100 subsets of 1000). Deterministic in the seed; costs
 * 2 · subsets · size² · dimensions multiplications.
 */
export function kernelDistanceOfSubsets(
  a: Points,
  b: Points,
  { subsets = 50, size = 500, seed = 0 }: { subsets?: number; size?: number; seed?: number } = {},
): SubsetEstimate {
  const [m, n] = countPairs(a, b, 2)
  const each = Math.min(size, m, n)
  const next = sfc32([seed, 0x6b6964])
  const estimates = Float64Array.from({ length: subsets }, () =>
    kernelDistance(pickPoints(a, choose(m, each, next)), pickPoints(b, choose(n, each, next))),
  ).sort()
  const at = (share: number) => estimates[Math.round(share * (subsets - 1))] as number
  return { value: estimates.reduce((sum, x) => sum + x, 0) / subsets, low: at(0.025), high: at(0.975) }
}

/** `count` of the numbers below `n`, each at most once, in any order. */
function choose(n: number, count: number, next: () => number): Int32Array {
  const numbers = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor((next() / 2 ** 32) * (n - i))
    const chosen = numbers[j] as number
    numbers[j] = numbers[i] as number
    numbers[i] = chosen
  }
  return numbers.subarray(0, count)
}
