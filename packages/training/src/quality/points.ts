/** Points of `dimensions` coordinates, one after the other. */
export interface Points {
  values: Float32Array
  dimensions: number
}

/** @throws RangeError when they are no whole points, or fewer than `least`. */
export function countPoints({ values, dimensions }: Points, least = 1): number {
  const count = values.length / dimensions
  if (!Number.isInteger(count))
    throw new RangeError(`${values.length} numbers are no points of ${dimensions} coordinates`)
  if (count < least) throw new RangeError(`${count} points are too few: it takes ${least}`)
  return count
}

/** Both sides of a comparison. @throws RangeError when they differ in dimension, or a side has fewer than `least`. */
export function countPairs(a: Points, b: Points, least = 1): [number, number] {
  if (a.dimensions !== b.dimensions)
    throw new RangeError(`points of ${a.dimensions} and of ${b.dimensions} coordinates`)
  return [countPoints(a, least), countPoints(b, least)]
}

/** The points with these numbers. */
export function pickPoints({ values, dimensions }: Points, indices: ArrayLike<number>): Points {
  const picked = new Float32Array(indices.length * dimensions)
  for (let i = 0; i < indices.length; i++) {
    const from = (indices[i] as number) * dimensions
    picked.set(values.subarray(from, from + dimensions), i * dimensions)
  }
  return { values: picked, dimensions }
}
