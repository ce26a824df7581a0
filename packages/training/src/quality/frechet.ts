import { countPoints, type Points } from './points.js'
import { eigen, multiply, squareRoot, trace } from './symmetric.js'

/** A normal law in n dimensions; `covariance` is row-major, n × n. */
export interface Gaussian {
  mean: Float64Array
  covariance: Float64Array
}

/** Mean and unbiased covariance of some points. @throws RangeError with fewer than two of them. */
export function fitGaussian(points: Points): Gaussian {
  const { values, dimensions: n } = points
  const count = countPoints(points, 2)
  const mean = new Float64Array(n)
  for (let i = 0; i < values.length; i++) mean[i % n] = (mean[i % n] as number) + (values[i] as number) / count
  const covariance = new Float64Array(n * n)
  const centred = new Float64Array(n)
  for (let point = 0; point < count; point++) {
    for (let j = 0; j < n; j++) centred[j] = (values[point * n + j] as number) - (mean[j] as number)
    for (let j = 0; j < n; j++) {
      const factor = (centred[j] as number) / (count - 1)
      for (let k = 0, at = j * n; k < n; k++, at++)
        covariance[at] = (covariance[at] as number) + factor * (centred[k] as number)
    }
  }
  return { mean, covariance }
}

/**
 * Squared W₂ of two normal laws, ‖μ − ν‖² + Tr(A + B − 2(AB)^½): the Bures metric, and on features the Fréchet inception distance of Heusel et
 * al. 2017. Tr (AB)^½ is taken as that of the symmetric (A^½ B A^½)^½, whose eigenvalues are those of AB: real, and ≥ 0 but for rounding.
 */
export function gaussianWasserstein2Squared(a: Gaussian, b: Gaussian): number {
  const n = a.mean.length
  if (b.mean.length !== n) throw new RangeError(`normal laws in ${n} and in ${b.mean.length} dimensions`)
  const root = squareRoot(a.covariance, n)
  const { values } = eigen(symmetrised(multiply(multiply(root, b.covariance, n), root, n), n), n)
  const cross = values.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0)
  const shift = a.mean.reduce((sum, x, i) => sum + (x - (b.mean[i] as number)) ** 2, 0)
  return Math.max(0, shift + trace(a.covariance, n) + trace(b.covariance, n) - 2 * cross)
}

const symmetrised = (a: Float64Array, n: number): Float64Array =>
  a.map((x, i) => (x + (a[(i % n) * n + Math.floor(i / n)] as number)) / 2)

/**
 * Fréchet distance between features, ≥ 0. It is biased upwards by about (number of features)/(points), so that only figures of one number of
 * points compare. @throws RangeError with fewer than two points on a side.
 */
export const frechetDistance = (a: Points, b: Points): number =>
  gaussianWasserstein2Squared(fitGaussian(a), fitGaussian(b))
