import { countPairs, type Points } from './points.js'

/** Squared Euclidean distance of point i of `a` and point j of `b`. */
function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, dimensions: number): number {
  let sum = 0
  for (let k = 0, x = i * dimensions, y = j * dimensions; k < dimensions; k++, x++, y++) {
    const difference = (a[x] as number) - (b[y] as number)
    sum += difference * difference
  }
  return sum
}

/** Of each point the squared distance to its k-th nearest other point. */
function squaredRadii(points: Points, count: number, k: number): Float64Array {
  const { values, dimensions } = points
  const nearest = Array.from({ length: count }, () => new Float64Array(k).fill(Infinity))
  for (let i = 0; i < count; i++)
    for (let j = 0; j < i; j++) {
      const distance = squaredDistance(values, i, values, j, dimensions)
      insert(nearest[i] as Float64Array, distance)
      insert(nearest[j] as Float64Array, distance)
    }
  return Float64Array.from(nearest, (list) => list[k - 1] as number)
}

/** Keeps the smallest, in order. */
function insert(list: Float64Array, value: number): void {
  let at = list.length - 1
  if (value >= (list[at] as number)) return
  for (; at > 0 && (list[at - 1] as number) > value; at--) list[at] = list[at - 1] as number
  list[at] = value
}

export interface Prdc {
  /** Share of fake points inside a ball around a real one. */
  precision: number
  /** Share of real points inside a ball around a fake one. */
  recall: number
  /** Real balls that a fake point lies in, on average, over k. Not bounded by 1. */
  density: number
  /** Share of real points whose ball holds a fake one. */
  coverage: number
}

/**
 * Improved precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020): balls reach from a point to its k-th
 * neighbour of its own kind. For equal laws and n points a side the mean of coverage is 1 − Π_{j<k} (n − 1 − j)/(2n − 1 − j), whatever the law:
 * .969 for k = 5, n = 1000. @throws RangeError with k or fewer points on a side.
 */
export function prdc(real: Points, fake: Points, k = 5): Prdc {
  const [m, n] = countPairs(real, fake, k + 1)
  const { dimensions } = real
  const realRadii = squaredRadii(real, m, k)
  const fakeRadii = squaredRadii(fake, n, k)
  const balls = new Int32Array(n)
  let [recalled, covered] = [0, 0]
  for (let i = 0; i < m; i++) {
    const radius = realRadii[i] as number
    let [isRecalled, isCovered] = [false, false]
    for (let j = 0; j < n; j++) {
      const distance = squaredDistance(real.values, i, fake.values, j, dimensions)
      if (distance < radius) {
        balls[j] = (balls[j] as number) + 1
        isCovered = true
      }
      isRecalled ||= distance < (fakeRadii[j] as number)
    }
    recalled += Number(isRecalled)
    covered += Number(isCovered)
  }
  return {
    precision: balls.reduce((sum, inside) => sum + Number(inside > 0), 0) / n,
    recall: recalled / m,
    density: balls.reduce((sum, inside) => sum + inside, 0) / (k * n),
    coverage: covered / m,
  }
}

/**
 * How often the nearest other point is of the same side: ½ for equal laws, 1 for laws that are apart, below ½ where points of one side were
 * copied from the other (Lopez-Paz and Oquab 2017). The mean of both sides' shares, so that their numbers may differ.
 */
export function nearestNeighbourAccuracy(a: Points, b: Points): number {
  const [m, n] = countPairs(a, b, 2)
  const [insideA, insideB] = [squaredRadii(a, m, 1), squaredRadii(b, n, 1)]
  const acrossA = new Float64Array(m).fill(Infinity)
  const acrossB = new Float64Array(n).fill(Infinity)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const distance = squaredDistance(a.values, i, b.values, j, a.dimensions)
      if (distance < (acrossA[i] as number)) acrossA[i] = distance
      if (distance < (acrossB[j] as number)) acrossB[j] = distance
    }
  return (share(insideA, acrossA) + share(insideB, acrossB)) / 2
}

const share = (inside: Float64Array, across: Float64Array): number =>
  inside.reduce((sum, distance, i) => sum + Number(distance < (across[i] as number)), 0) / inside.length

/** The mean Euclidean distance of the points to the nearest of the others. Beside that of unseen real points it tells of copies. */
export function meanNearestDistance(points: Points, others: Points): number {
  const [m, n] = countPairs(points, others)
  let sum = 0
  for (let i = 0; i < m; i++) {
    let nearest = Infinity
    for (let j = 0; j < n; j++)
      nearest = Math.min(nearest, squaredDistance(points.values, i, others.values, j, points.dimensions))
    sum += Math.sqrt(nearest)
  }
  return sum / m
}

/** Mean of coverage for equal laws: n points a side, balls up to the k-th neighbour. */
export function expectedCoverage(n: number, k = 5): number {
  let missed = 1
  for (let j = 0; j < k; j++) missed *= (n - 1 - j) / (2 * n - 1 - j)
  return 1 - missed
}
