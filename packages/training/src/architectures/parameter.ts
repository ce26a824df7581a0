/** How a parameter starts out. `uniform` is U(−bound, bound). */
export type Init =
  | { kind: 'normal'; mean: number; deviation: number }
  | { kind: 'uniform'; bound: number }
  | { kind: 'constant'; value: number }

/**
 * The same numbers in two orders: PyTorch's at the checkpoint border, TensorFlow's inside.
 * PyTorch's array is read with the axes `view`, transposed by `order`, and stored inside as `shape`.
 */
export interface Layout {
  view: readonly number[]
  order: readonly number[]
  shape: readonly number[]
}

export interface Parameter {
  /** The authors' state_dict name, e.g. `main.initial:100-512:convt.weight`. */
  name: string
  /** PyTorch's shape. */
  torchShape: readonly number[]
  layout: Layout
  init: Init
  /** `running` statistics are not trained and never clipped. */
  role: 'weight' | 'batch-norm' | 'running'
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

/** Both orders agree. */
export const plain = (shape: readonly number[]): Layout => ({ view: shape, order: shape.map((_, i) => i), shape })

export const permuted = (view: readonly number[], order: readonly number[], shape?: readonly number[]): Layout => ({
  view,
  order,
  shape: shape ?? order.map((axis) => view[axis] as number),
})

/** Transposes `values` with axes `view` so that the new axis i is the old axis `order[i]`. */
function transpose(values: Float32Array, view: readonly number[], order: readonly number[]): Float32Array {
  const strides = view.map((_, axis) => sizeOf(view.slice(axis + 1)))
  const sizes = order.map((axis) => view[axis] as number)
  const steps = order.map((axis) => strides[axis] as number)
  const result = new Float32Array(values.length)
  const counter = sizes.map(() => 0)
  let from = 0
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from] as number
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis] as number
      counter[axis] = (counter[axis] as number) + 1
      if ((counter[axis] as number) < (sizes[axis] as number)) break
      from -= (steps[axis] as number) * (sizes[axis] as number)
      counter[axis] = 0
    }
  }
  return result
}

export const fromTorch = (values: Float32Array, { view, order }: Layout): Float32Array => transpose(values, view, order)

export function toTorch(values: Float32Array, { view, order }: Layout): Float32Array {
  const inverse = view.map((_, axis) => order.indexOf(axis))
  return transpose(
    values,
    order.map((axis) => view[axis] as number),
    inverse,
  )
}
