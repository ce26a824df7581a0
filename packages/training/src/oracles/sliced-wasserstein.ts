import { seededNormals } from './random.js'
import { sortedWasserstein } from './wasserstein.js'

/**
 * Sliced W₁: the mean over random directions of the exact W₁ between the projections.
 * `a` and `b` hold points of `dimensions` coordinates, one after the other; their numbers may differ. Deterministic in
 * the seed. Costs directions · (points · dimensions) multiplications.
 * @throws RangeError when a side is empty or does not hold whole points.
 */
export function slicedWasserstein(
  a: Float32Array,
  b: Float32Array,
  dimensions: number,
  { directions = 128, seed = 0 }: { directions?: number; seed?: number } = {},
): number {
  for (const points of [a, b]) {
    if (points.length === 0 || points.length % dimensions !== 0) {
      throw new RangeError(`${points.length} numbers are no points of ${dimensions} coordinates`)
    }
  }
  const normal = seededNormals(seed)
  let sum = 0
  for (let k = 0; k < directions; k++) {
    const direction = unitVector(dimensions, normal)
    sum += sortedWasserstein(project(a, direction).sort(), project(b, direction).sort())
  }
  return sum / directions
}

function project(points: Float32Array, direction: Float64Array): Float64Array {
  const dimensions = direction.length
  const result = new Float64Array(points.length / dimensions)
  for (let i = 0, at = 0; i < result.length; i++) {
    let dot = 0
    for (let j = 0; j < dimensions; j++) dot += (points[at++] as number) * (direction[j] as number)
    result[i] = dot
  }
  return result
}

/** Uniform on the sphere: a normal vector, normalised. */
function unitVector(dimensions: number, normal: () => number): Float64Array {
  const vector = Float64Array.from({ length: dimensions }, normal)
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0))
  return vector.map((x) => x / length)
}
