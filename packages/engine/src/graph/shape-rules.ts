import type { AttributeValue } from './messages.js'
import { dtypeNumbers, sizeOf } from './native.js'
import type { Operand, StepDtype } from './recording.js'

// Shapes of results without computing them: a trace by these rules costs milliseconds and no memory. An op without a
// rule (or in a form that its rule does not know) makes the trace run the whole step for real instead.

type Shape = readonly number[]

export interface Call {
  op: string
  attributes: Readonly<Record<string, AttributeValue>>
  inputs: readonly Operand[]
}

export interface Result {
  shape: Shape
  dtype: StepDtype
}

type Rule = (call: Call) => Result[] | null

const input = ({ inputs }: Call, i: number): Operand => inputs[i] as Operand

const resultLike = (call: Call, i: number): Result => ({
  shape: input(call, i).shape,
  dtype: input(call, i).value.dtype,
})

/** The numbers of an operand that is a constant. */
function numbersOf(call: Call, i: number): number[] | null {
  const { origin } = input(call, i).value
  return origin.from === 'constant' ? [...origin.values] : null
}

type Kinds = { bool: boolean; int: number; ints: readonly number[]; text: string; type: string }

const attribute = <K extends keyof Kinds>({ attributes }: Call, name: string, kind: K): Kinds[K] | undefined =>
  (attributes[name] as Partial<Kinds> | undefined)?.[kind]

const like =
  (i: number): Rule =>
  (call) => [resultLike(call, i)]

function broadcast(a: Shape, b: Shape): number[] | null {
  const rank = Math.max(a.length, b.length)
  const shape: number[] = []
  for (let axis = 0; axis < rank; axis++) {
    const x = a[a.length - rank + axis] ?? 1
    const y = b[b.length - rank + axis] ?? 1
    if (x !== y && x !== 1 && y !== 1) return null
    shape.push(x === 1 ? y : x)
  }
  return shape
}

const binary =
  (dtype?: StepDtype): Rule =>
  (call) => {
    const shape = broadcast(input(call, 0).shape, input(call, 1).shape)
    return shape && [{ shape, dtype: dtype ?? input(call, 0).value.dtype }]
  }

const reduction: Rule = (call) => {
  const axes = numbersOf(call, 1)
  if (!axes) return null
  const { shape } = input(call, 0)
  const reduced = new Set(axes.map((axis) => (axis + shape.length) % shape.length))
  const keep = attribute(call, 'keep_dims', 'bool')
  const left = keep
    ? shape.map((size, axis) => (reduced.has(axis) ? 1 : size))
    : shape.filter((_, axis) => !reduced.has(axis))
  return [{ shape: left, dtype: input(call, 0).value.dtype }]
}

const reshape: Rule = (call) => {
  const shape = numbersOf(call, 1)
  if (!shape) return null
  const known = sizeOf(shape.filter((size) => size !== -1))
  const open = sizeOf(input(call, 0).shape) / known
  return [{ ...resultLike(call, 0), shape: shape.map((size) => (size === -1 ? open : size)) }]
}

const matrixProduct =
  (adjointX: string, adjointY: string): Rule =>
  (call) => {
    const [a, b] = [input(call, 0).shape, input(call, 1).shape]
    const batch = broadcast(a.slice(0, -2), b.slice(0, -2))
    const rows = a.at(attribute(call, adjointX, 'bool') ? -1 : -2)
    const columns = b.at(attribute(call, adjointY, 'bool') ? -2 : -1)
    if (!batch || rows === undefined || columns === undefined) return null
    return [{ ...resultLike(call, 0), shape: [...batch, rows, columns] }]
  }

const convolution: Rule = (call) => {
  const [x, filter] = [input(call, 0).shape, input(call, 1).shape]
  const strides = attribute(call, 'strides', 'ints')
  const padding = attribute(call, 'padding', 'text')
  const dilations = attribute(call, 'dilations', 'ints') ?? []
  const isPlain = attribute(call, 'data_format', 'text') === 'NHWC' && dilations.every((rate) => rate === 1)
  if (!strides || !isPlain || (padding !== 'SAME' && padding !== 'VALID')) return null
  const size = (axis: number): number => {
    const window = padding === 'SAME' ? 0 : (filter[axis - 1] as number) - 1
    return Math.ceil(((x[axis] as number) - window) / (strides[axis] as number))
  }
  return [{ shape: [x[0] as number, size(1), size(2), filter[3] as number], dtype: 'float32' }]
}

/** The result's shape is a constant among the inputs. */
const shapeInput =
  (i: number): Rule =>
  (call) => {
    const shape = numbersOf(call, i)
    return shape && [{ shape, dtype: 'float32' }]
  }

const channels = (call: Call, i: number): Result => ({ shape: input(call, i).shape.slice(-1), dtype: 'float32' })

/** Scratch between an op and its gradient; nothing else may look at it. */
const opaque: Result = { shape: [0], dtype: 'float32' }

const batchNorm: Rule = (call) => {
  const vector = channels(call, 0)
  return [resultLike(call, 0), vector, vector, vector, vector, opaque]
}

const batchNormGrad: Rule = (call) => {
  const vector = channels(call, 1)
  return [resultLike(call, 1), vector, vector, opaque, opaque]
}

const cast: Rule = (call) => {
  const type = attribute(call, 'DstT', 'type')
  if (type === undefined || !(type in dtypeNumbers)) return null
  return [{ shape: input(call, 0).shape, dtype: type as StepDtype }]
}

const pack: Rule = (call) => {
  const axis = attribute(call, 'axis', 'int')
  if (axis === undefined || axis < 0) return null
  const shape = [...input(call, 0).shape]
  shape.splice(axis, 0, call.inputs.length)
  return [{ ...resultLike(call, 0), shape }]
}

const unpack: Rule = (call) => {
  const axis = attribute(call, 'axis', 'int')
  const count = attribute(call, 'num', 'int')
  if (axis === undefined || axis < 0 || count === undefined) return null
  const shape = input(call, 0).shape.filter((_, i) => i !== axis)
  return Array.from({ length: count }, () => ({ ...resultLike(call, 0), shape }))
}

const slice: Rule = (call) => {
  const [begin, size] = [numbersOf(call, 1), numbersOf(call, 2)]
  if (!begin || !size) return null
  const { shape } = input(call, 0)
  const left = size.map((n, axis) => (n === -1 ? (shape[axis] as number) - (begin[axis] as number) : n))
  return [{ ...resultLike(call, 0), shape: left }]
}

const concatenation: Rule = (call) => {
  const parts = call.inputs.slice(0, -1).map(({ shape }) => shape)
  const axis = numbersOf(call, parts.length)?.[0]
  const first = parts[0]
  if (axis === undefined || axis < 0 || !first) return null
  const total = parts.reduce((sum, shape) => sum + (shape[axis] as number), 0)
  return [{ ...resultLike(call, 0), shape: first.map((size, i) => (i === axis ? total : size)) }]
}

const transposition: Rule = (call) => {
  const order = numbersOf(call, 1)
  return order && [{ ...resultLike(call, 0), shape: order.map((axis) => input(call, 0).shape[axis] as number) }]
}

const group = (rule: Rule, ops: string): Record<string, Rule> =>
  Object.fromEntries(ops.split(' ').map((op) => [op, rule]))

const rules: Record<string, Rule> = {
  ...group(like(0), 'Abs AddN Erf Exp LeakyRelu LeakyReluGrad Log Neg OnesLike Relu ReluGrad Rsqrt Sigmoid'),
  ...group(like(0), 'Sign Softplus Sqrt Square Tanh TanhGrad ZerosLike'),
  ...group(binary(), 'Add AddV2 Maximum Minimum Mul RealDiv SquaredDifference Sub'),
  ...group(binary('bool'), 'Equal Greater GreaterEqual Less LessEqual LogicalAnd'),
  ...group(reduction, 'Max Mean Min Prod Sum'),
  ...group(shapeInput(0), 'Conv2DBackpropInput StatelessRandomNormal StatelessRandomUniform'),
  BatchMatMulV2: matrixProduct('adj_x', 'adj_y'),
  Cast: cast,
  ConcatV2: concatenation,
  Conv2D: convolution,
  Conv2DBackpropFilter: shapeInput(1),
  FusedBatchNormGradV3: batchNormGrad,
  FusedBatchNormV3: batchNorm,
  MatMul: matrixProduct('transpose_a', 'transpose_b'),
  Pack: pack,
  Reshape: reshape,
  Slice: slice,
  Transpose: transposition,
  Unpack: unpack,
}

/** The results of an op, or null when only running it can tell. */
export function inferResults(call: Call): Result[] | null {
  const results = rules[call.op]?.(call) ?? null
  const isSound = results?.every(({ shape }) => shape.every((size) => Number.isInteger(size) && size >= 0))
  return isSound ? results : null
}
