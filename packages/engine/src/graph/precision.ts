import type { AttributeValue } from './messages.js'
import { type GraphDtype, sizeOf } from './native.js'
import type { Operation, Value } from './recording.js'

/** What convolutions and matrix products compute in; everything else stays float32. */
export type Precision = 'float32' | 'bfloat16'

/** The dtypes that an operation is lowered to. */
export interface Typing {
  attributes: Readonly<Record<string, AttributeValue>>
  /** Wanted of each input; null: as recorded. */
  inputs: readonly (GraphDtype | null)[]
  /** Of the first output; the others stay as recorded. */
  output: GraphDtype | null
}

/** Ops where the time goes; they accumulate in float32 inside. */
const products = new Set(['BatchMatMulV2', 'Conv2D', 'Conv2DBackpropFilter', 'Conv2DBackpropInput', 'MatMul'])

/** Ops that go along when the inputs at these places already are bfloat16. Batch norm's statistics stay float32. */
const followers: Record<string, readonly number[]> = {
  FusedBatchNormGradV3: [0, 1],
  FusedBatchNormV3: [0],
  LeakyRelu: [0],
  LeakyReluGrad: [0, 1],
  Relu: [0],
  ReluGrad: [0, 1],
  Reshape: [0],
}

/** Below this many columns a product is cheap, and its sums are the scores that losses are made of. */
const MIN_COLUMNS = 8

const isThin = ({ op, outputs, inputs }: Operation): boolean => {
  const columns = outputs[0]?.shape.at(-1) ?? 1
  const rows = op.includes('MatMul') ? (outputs[0]?.shape.at(-2) ?? 1) : MIN_COLUMNS
  const inner = sizeOf(inputs[0]?.shape ?? []) / rows
  return op.includes('MatMul') && (columns < MIN_COLUMNS || rows < MIN_COLUMNS || inner < MIN_COLUMNS)
}

/** How to type `operation` under a precision; `isLow` says which values exist in bfloat16. */
export function typingOf(operation: Operation, precision: Precision, isLow: (value: Value) => boolean): Typing {
  const { op, attributes, inputs } = operation
  const low = { ...attributes, T: { type: 'bfloat16' } } as const
  const unchanged: Typing = { attributes, inputs: inputs.map(() => null), output: null }
  if (precision === 'float32') return unchanged
  if (products.has(op) && !isThin(operation)) {
    return {
      attributes: low,
      inputs: inputs.map(({ value }) => (value.dtype === 'float32' ? 'bfloat16' : null)),
      output: 'bfloat16',
    }
  }
  const places = followers[op]
  if (places?.every((i) => inputs[i] && isLow(inputs[i].value))) {
    return {
      attributes: low,
      inputs: inputs.map((_, i) => (places.includes(i) ? 'bfloat16' : null)),
      output: 'bfloat16',
    }
  }
  return unchanged
}
