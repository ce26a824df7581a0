// Symmetric matrices, row-major in a Float64Array of size n². Small ones: 64 × 64 takes milliseconds, 256 × 256 a second.

/** A = V · diag(values) · Vᵀ; eigenvector k is column k of `vectors`. */
export interface Eigen {
  values: Float64Array
  vectors: Float64Array
}

const MAX_SWEEPS = 60

/**
 * Cyclic Jacobi (Golub and Van Loan, §8.5): slower than tridiagonalisation, and every eigenvalue comes out to full precision however small
 * it is beside the largest. The spectra of feature covariances fall over ten decades, and a square root doubles what is lost there.
 */
export function eigen(matrix: Float64Array, n: number): Eigen {
  const a = Float64Array.from(matrix)
  const vectors = new Float64Array(n * n)
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1
  const tiny = 1e-30 * squares(a)
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(a, n) > tiny; sweep++)
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) annihilate(a, vectors, n, p, q)
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i] as number), vectors }
}

const squares = (a: Float64Array) => a.reduce((sum, x) => sum + x * x, 0)

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0
  for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) sum += (a[p * n + q] as number) ** 2
  return 2 * sum
}

/** One rotation that makes a[p, q] zero. */
function annihilate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q] as number
  if (apq === 0) return
  const ratio = ((a[q * n + q] as number) - (a[p * n + p] as number)) / (2 * apq)
  const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio))
  const cosine = 1 / Math.hypot(1, tangent)
  const sine = tangent * cosine
  rotate(a, n, { from: p, to: q, stride: n, cosine, sine })
  rotate(a, n, { from: p * n, to: q * n, stride: 1, cosine, sine })
  a[p * n + q] = a[q * n + p] = 0
  rotate(vectors, n, { from: p, to: q, stride: n, cosine, sine })
}

interface Rotation {
  from: number
  to: number
  stride: number
  cosine: number
  sine: number
}

function rotate(a: Float64Array, n: number, { from, to, stride, cosine, sine }: Rotation): void {
  for (let k = 0, i = from, j = to; k < n; k++, i += stride, j += stride) {
    const [x, y] = [a[i] as number, a[j] as number]
    a[i] = cosine * x - sine * y
    a[j] = sine * x + cosine * y
  }
}

/** A^½ of a positive semidefinite matrix; what rounding made negative counts as zero. */
export function squareRoot(matrix: Float64Array, n: number): Float64Array {
  const { values, vectors } = eigen(matrix, n)
  const scaled = vectors.map((x, i) => x * Math.sqrt(Math.sqrt(Math.max(0, values[i % n] as number))))
  return multiply(scaled, transposed(scaled, n), n)
}

export function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const product = new Float64Array(n * n)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k] as number
      for (let j = 0, at = i * n, from = k * n; j < n; j++, at++, from++)
        product[at] = (product[at] as number) + factor * (b[from] as number)
    }
  return product
}

const transposed = (a: Float64Array, n: number): Float64Array =>
  a.map((_, i) => a[(i % n) * n + Math.floor(i / n)] as number)

export const trace = (a: Float64Array, n: number): number => {
  let sum = 0
  for (let i = 0; i < n; i++) sum += a[i * n + i] as number
  return sum
}
