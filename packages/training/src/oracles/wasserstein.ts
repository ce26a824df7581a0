/**
 * Exact W₁ between two empirical distributions on the line: ∫ |F⁻¹(q) − G⁻¹(q)| dq. For equal sizes this is the mean
 * |difference| of the sorted samples; for unequal sizes the quantile functions are integrated piece by piece.
 * The arguments must be sorted and not empty.
 */
export function sortedWasserstein(a: Float64Array, b: Float64Array): number {
  let sum = 0
  if (a.length === b.length) {
    for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number))
    return sum / a.length
  }
  // Positions in units of 1 / (a.length · b.length), so that the pieces' borders are whole numbers.
  let at = 0
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const endA = (i + 1) * b.length
    const endB = (j + 1) * a.length
    const end = Math.min(endA, endB)
    sum += (end - at) * Math.abs((a[i] as number) - (b[j] as number))
    at = end
    if (end === endA) i++
    if (end === endB) j++
  }
  return sum / (a.length * b.length)
}

/** Exact W₁ between two samples on the line, in any order. @throws RangeError when one is empty. */
export function wasserstein1d(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length === 0 || b.length === 0) throw new RangeError('W1 needs at least one point on each side')
  return sortedWasserstein(Float64Array.from(a).sort(), Float64Array.from(b).sort())
}
