// Smoothing filters. Each looks at raw points around one point, counted in points and cut where the curve ends, and leaves out what is
// not finite; so a filter's value depends on nothing but these points, however the reply is cut and bucketed.
import type { Smoothing } from '@kantor/contracts'
import { MEDIAN_WINDOW } from './geometry.js'

export interface Filter {
  /** Points that it looks at on either side. */
  before: number
  after: number
  /** It is in every node of the pyramid. */
  stored: boolean
  /** The value at point `i`; NaN when no point in the window is finite. */
  at(values: Float32Array, i: number): number
}

/** Weights below it vanish in a float32. */
const NEGLIGIBLE = 2 ** -24

export function filterOf(smoothing: Smoothing): Filter {
  const { kind, size } = smoothing
  if (kind === 'ema') {
    const weights = new Float64Array(Math.ceil(Math.log(NEGLIGIBLE) / Math.log(size)) + 1)
    for (let i = 0; i < weights.length; i++) weights[i] = size ** i
    return weighted({ before: weights.length - 1, after: 0 }, (distance) => weights[-distance]!)
  }
  if (kind === 'gauss') {
    const radius = Math.ceil(4 * size)
    const weights = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp(-0.5 * (i / size) ** 2))
    return weighted({ before: radius, after: radius }, (distance) => weights[Math.abs(distance)]!)
  }
  const half = (size - 1) / 2
  if (kind === 'mean') return weighted({ before: half, after: half }, () => 1)
  const at = (values: Float32Array, i: number) => medianOf(values.subarray(Math.max(0, i - half), i + half + 1))
  return { before: half, after: half, stored: size === MEDIAN_WINDOW, at }
}

function weighted(reach: { before: number; after: number }, weight: (distance: number) => number): Filter {
  const at = (values: Float32Array, i: number) => {
    let [sum, weights] = [0, 0]
    const last = Math.min(values.length - 1, i + reach.after)
    for (let j = Math.max(0, i - reach.before); j <= last; j++) {
      const value = values[j]!
      if (!Number.isFinite(value)) continue
      sum += value * weight(j - i)
      weights += weight(j - i)
    }
    return Math.fround(sum / weights) + 0
  }
  return { ...reach, stored: false, at }
}

/** The authors' filter: the middle one of the finite values, the mean of the two middle ones when their number is even. */
export function medianOf(window: Float32Array): number {
  const sorted = window.filter((value) => Number.isFinite(value)).sort()
  if (sorted.length === 0) return NaN
  const middle = (sorted.length - 1) / 2
  const low = sorted[Math.floor(middle)]!
  // Never −0, whose sign would hang on the order of zeros.
  return Math.fround(low + (sorted[Math.ceil(middle)]! - low) * 0.5) + 0
}
