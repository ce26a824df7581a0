import type { AttributeValue, GraphNode } from './messages.js'
import { type GraphDtype, sizeOf, type Values } from './native.js'

/** From this size on a constant of equal numbers is a Fill op: the file stays small and nothing is kept for good. */
const FILL_FROM = 1024

/** Nodes of one GraphDef. Names are unique, and constants are shared. */
export interface GraphBuilder {
  nodes: readonly GraphNode[]
  /** Nodes to run once before anything else. */
  initializers: readonly string[]
  /** Returns the name of the new node, `hint` or `hint_2` and so on. */
  add(hint: string, op: string, inputs: readonly string[], attributes: Record<string, AttributeValue>): string
  /**
   * float32 numbers come out of a variable that nothing assigns again: TensorFlow's optimizer turns x / c into x · (1 / c)
   * and reorders sums when it sees that c is constant, and the result would not be the eager one to the bit.
   */
  constant(values: Values, shape: readonly number[], dtype: GraphDtype): string
  /** The handle of a new resource variable. */
  variable(name: string, shape: readonly number[], dtype?: GraphDtype): string
  /** A node that is ready at once and that TensorFlow's optimizer cannot prove away. */
  guard(): string
  newGuard(): string
  /** A 1-D int32 constant, e.g. a shape. */
  integers(values: readonly number[]): string
}

export function createGraphBuilder(): GraphBuilder {
  const nodes: GraphNode[] = []
  const initializers: string[] = []
  const names = new Map<string, number>()
  const integerNames = new Map<string, string>()
  const constantNames = new Map<Values, string>()

  const add: GraphBuilder['add'] = (hint, op, inputs, attributes) => {
    const count = (names.get(hint) ?? 0) + 1
    names.set(hint, count)
    const name = count === 1 ? hint : `${hint}_${count}`
    nodes.push({ name, op, inputs, attributes })
    return name
  }
  const literal = (values: Values, shape: readonly number[], dtype: GraphDtype): string =>
    add('constants/c', 'Const', [], { dtype: { type: dtype }, value: { tensor: { dtype, shape, values } } })
  const type = { type: 'float32' } as const
  const variable = (name: string, shape: readonly number[], dtype: GraphDtype = 'float32'): string =>
    add(name, 'VarHandleOp', [], {
      dtype: { type: dtype },
      shape: { shape },
      shared_name: { text: name },
      container: { text: '' },
    })
  let guard: string | undefined
  let numGuards = 0
  const newGuard = (): string => variable(`guards/${numGuards++}`, [])
  const hidden = (values: Values, shape: readonly number[]): string => {
    const scope = `constants/${initializers.length}`
    const handle = variable(`${scope}_handle`, shape)
    const literalName = literal(values, shape, 'float32')
    const assign = add(`${scope}_assign`, 'AssignVariableOp', [handle, literalName], { dtype: type })
    initializers.push(add(`${scope}_ready`, 'Identity', [literalName, `^${assign}`], { T: type }))
    return add(`${scope}_read`, 'ReadVariableOp', [handle], { dtype: type })
  }
  const anything = (values: Values, shape: readonly number[], dtype: GraphDtype): string =>
    dtype === 'float32' ? hidden(values, shape) : literal(values, shape, dtype)
  const integers = (values: readonly number[]): string => {
    const key = values.join()
    const known = integerNames.get(key)
    if (known) return known
    const name = literal(Int32Array.from(values), [values.length], 'int32')
    integerNames.set(key, name)
    return name
  }
  return {
    nodes,
    initializers,
    add,
    variable,
    guard: () => (guard ??= newGuard()),
    newGuard,
    integers,
    constant(values, shape, dtype) {
      const known = constantNames.get(values)
      if (known) return known
      const uniform = sizeOf(shape) >= FILL_FROM && values.every((value) => Object.is(value, values[0]))
      const name = uniform
        ? add('constants/fill', 'Fill', [integers(shape), anything(values.slice(0, 1) as Values, [], dtype)], {
            T: { type: dtype },
            index_type: { type: 'int32' },
          })
        : anything(values, shape, dtype)
      constantNames.set(values, name)
      return name
    },
  }
}
