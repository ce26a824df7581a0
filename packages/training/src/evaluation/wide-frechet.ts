import { type AttributeValue, evaluateGraph, type GraphNode } from '@kantor/engine'
import { countPairs, type Points } from '../quality/points.js'

const double = { type: 'float64' } as const
const int = { type: 'int32' } as const

/**
 * `frechetDistance` for features of many dimensions (an Inception network's 2048), computed by TensorFlow in float64: with X and Y the centred
 * points over √(n − 1), the covariances are A = XᵀX and B = YᵀY, the eigenvalues of AB are the squared singular values of XYᵀ, and so
 * Tr (AB)^½ is their sum. No root is taken of what rounding may have made negative. More points than dimensions are first replaced by the R of
 * their QR decomposition, as XᵀX = RᵀR. @throws RangeError with fewer than two points on a side.
 */
export function wideFrechetDistance(a: Points, b: Points): number {
  const counts = countPairs(a, b, 2)
  const { dimensions } = a
  const nodes: GraphNode[] = []
  const add = (name: string, op: string, inputs: string[], attributes: Record<string, AttributeValue>) => {
    nodes.push({ name, op, inputs, attributes })
    return name
  }
  const integers = (name: string, values: readonly number[], shape: readonly number[]) =>
    add(name, 'Const', [], {
      dtype: int,
      value: { tensor: { dtype: 'int32', shape, values: Int32Array.from(values) } },
    })
  const cast = (name: string, value: string, from: AttributeValue & { type: string }, to: AttributeValue) =>
    add(name, 'Cast', [value], { SrcT: from, DstT: to, Truncate: { bool: false } })
  const binary = (name: string, op: 'AddV2' | 'Mul' | 'RealDiv' | 'Sub', x: string, y: string) =>
    add(name, op, [x, y], { T: double })
  const unary = (name: string, op: 'Sqrt' | 'Square', x: string) => add(name, op, [x], { T: double })
  const reduced = (name: string, op: 'Mean' | 'Sum', x: string, axes: string, keep = false) =>
    add(name, op, [x, axes], { T: double, Tidx: int, keep_dims: { bool: keep } })
  const rows = integers('rows', [0], [1])
  const both = integers('both', [0, 1], [2])

  const side = (name: string, count: number) => {
    const float = { type: 'float32' } as const
    add(name, 'Placeholder', [], { dtype: float, shape: { shape: [count, dimensions] } })
    const points = cast(`${name}/points`, name, float, double)
    const mean = reduced(`${name}/mean`, 'Mean', points, rows, true)
    const less = cast(`${name}/less`, integers(`${name}/count`, [count - 1], []), int, double)
    const scale = unary(`${name}/scale`, 'Sqrt', less)
    const scaled = binary(`${name}/scaled`, 'RealDiv', binary(`${name}/centred`, 'Sub', points, mean), scale)
    const trace = reduced(`${name}/trace`, 'Sum', unary(`${name}/squares`, 'Square', scaled), both)
    if (count <= dimensions) return { mean, trace, factor: scaled }
    return {
      mean,
      trace,
      factor: `${add(`${name}/qr`, 'Qr', [scaled], { T: double, full_matrices: { bool: false } })}:1`,
    }
  }
  const [x, y] = [side('a', counts[0]), side('b', counts[1])]
  const product = add('product', 'MatMul', [x.factor, y.factor], {
    T: double,
    transpose_a: { bool: false },
    transpose_b: { bool: true },
  })
  const singular = add('singular', 'Svd', [product], {
    T: double,
    compute_uv: { bool: false },
    full_matrices: { bool: false },
  })
  const cross = reduced('cross', 'Sum', singular, rows)
  const shift = reduced('shift', 'Sum', unary('squares', 'Square', binary('difference', 'Sub', x.mean, y.mean)), both)
  const traces = binary('traces', 'AddV2', x.trace, y.trace)
  const distance = binary(
    'distance',
    'Sub',
    binary('sum', 'AddV2', shift, traces),
    binary('twice', 'AddV2', cross, cross),
  )
  const high = cast('high', distance, double, { type: 'float32' })
  const rest = binary('rest', 'Sub', distance, cast('back', high, { type: 'float32' }, double))
  cast('low', rest, double, { type: 'float32' })
  const fed = {
    a: { shape: [counts[0], dimensions], values: a.values },
    b: { shape: [counts[1], dimensions], values: b.values },
  }
  const found = evaluateGraph(nodes, fed, ['high', 'low'])
  return Math.max(0, (found.high[0] as number) + (found.low[0] as number))
}
