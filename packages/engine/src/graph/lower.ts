import { convolutionOf, lowerConvolution, type Pass } from './convolution-plans.js'
import type { GraphBuilder } from './graph-builder.js'
import type { LoweringChooser } from './lowerings.js'
import type { GraphDtype } from './native.js'
import { type Precision, typingOf } from './precision.js'
import type { Operand, Operation, Recording, Value } from './recording.js'

export interface LowerOptions {
  /** Prefix of the block's nodes. */
  scope: string
  /** Handles of the variables, in the order of the recording's indices. */
  handles: readonly string[]
  /** A node that the block's variable reads wait for: the end of the block before. */
  after?: string | undefined
  precision: Precision
  chooser: LoweringChooser
}

/**
 * TensorFlow's optimizer reorders chains of these, (g · g) · c to (g · c) · g, unless a control edge goes in. Rounding
 * would differ from the eager step's.
 */
const ordered = new Set(['Add', 'AddN', 'AddV2', 'Maximum', 'Minimum', 'Mul', 'RealDiv', 'Sub'])

/**
 * What TensorFlow's optimizer merges into one kernel that rounds otherwise: batch norm with a ReLU behind it, a convolution with the offset
 * added to it. Its edge comes from a node of its own, as a second pass drops edges that are implied by others.
 */
const isSeparate = ({ op, inputs }: Operation, operations: readonly Operation[]): boolean =>
  op === 'FusedBatchNormV3' ||
  ((op === 'Add' || op === 'AddV2') &&
    inputs.some(({ value: { origin } }) => origin.from === 'operation' && operations[origin.index]?.op === 'Conv2D'))

/** A recorded step as a piece of a graph. */
export interface Block {
  /** Placeholders of the inputs that the step uses. */
  inputs: Record<string, string>
  /** Outputs, each safe to fetch: they wait for every assignment. */
  outputs: Record<string, string>
  /** A node that runs when all of the block's reads and assignments are done. */
  end: string
}

/** Adds a step to a graph. Each variable is read once, after the block before, and assigned once, after that read. */
export function lower(
  graph: GraphBuilder,
  recording: Recording,
  { scope, handles, after, precision, chooser }: LowerOptions,
): Block {
  /** Every value in the dtypes in which it exists so far. */
  const refs = new Map<Value, Map<GraphDtype, string>>()
  const reads = new Map<number, string>()
  const inputs: Record<string, string> = {}
  const wait = after === undefined ? [] : [`^${after}`]

  const readVariable = (index: number): string => {
    const known = reads.get(index)
    if (known) return known
    const inputsOfRead = [handles[index] as string, ...wait]
    const name = graph.add(`${scope}/read_${index}`, 'ReadVariableOp', inputsOfRead, { dtype: { type: 'float32' } })
    reads.set(index, name)
    return name
  }
  const placeholder = (name: string, value: Value): string => {
    const dtype: GraphDtype = recording.inputs[name]?.dtype ?? 'float32'
    const fed = graph.add(`${scope}/input_${name}`, 'Placeholder', [], {
      dtype: { type: dtype },
      shape: { shape: value.shape },
    })
    inputs[name] = fed
    if (dtype !== 'uint8') return fed
    return graph.add(`${scope}/floats_${name}`, 'Cast', [fed], { SrcT: { type: dtype }, DstT: { type: value.dtype } })
  }
  const source = (value: Value): string => {
    const { origin } = value
    switch (origin.from) {
      case 'input':
        return placeholder(origin.name, value)
      case 'variable':
        return readVariable(origin.index)
      case 'constant':
        return graph.constant(origin.values, value.shape, value.dtype)
      case 'operation':
        // Operations are lowered in the order in which they ran.
        throw new Error(`operation ${origin.index} is used before it was lowered`)
    }
  }
  const refOf = (value: Value, dtype: GraphDtype): string => {
    let forms = refs.get(value)
    if (!forms) refs.set(value, (forms = new Map([[value.dtype, source(value)]])))
    const known = forms.get(dtype)
    if (known) return known
    const [[from, ref] = []] = forms
    if (!from || !ref) throw new Error('a value without a node')
    const name = graph.add(`${scope}/cast`, 'Cast', [ref], { SrcT: { type: from }, DstT: { type: dtype } })
    forms.set(dtype, name)
    return name
  }
  const read = ({ value, shape }: Operand, dtype: GraphDtype = value.dtype): string => {
    const ref = refOf(value, dtype)
    if (shape.join() === value.shape.join()) return ref
    return graph.add(`${scope}/reshape`, 'Reshape', [ref, graph.integers(shape)], {
      T: { type: dtype },
      Tshape: { type: 'int32' },
    })
  }

  const isLow = (value: Value): boolean => refs.get(value)?.has('bfloat16') ?? false
  for (const operation of recording.operations) {
    const { op, inputs: operands, outputs } = operation
    const typing = typingOf(operation, precision, isLow)
    const guards = [
      ...(ordered.has(op) ? [graph.guard()] : []),
      ...(isSeparate(operation, recording.operations) ? [graph.newGuard()] : []),
    ]
    const args = operands.map((operand, i) => read(operand, typing.inputs[i] ?? undefined))
    const waits = guards.map((guard) => `^${guard}`)
    const problem = convolutionOf(operation, typing.output ?? 'float32')
    const plan = problem ? chooser.choose(problem) : 'direct'
    if (problem && plan !== 'direct') {
      const ref = lowerConvolution(graph, problem, passOf(op, args), { scope: `${scope}/${op}`, plan })
      refs.set(outputs[0] as Value, new Map([[problem.dtype, ref]]))
      continue
    }
    const name = graph.add(`${scope}/${op}`, op, [...args, ...waits], typing.attributes)
    outputs.forEach((value, i) => {
      const dtype = (i === 0 ? typing.output : null) ?? value.dtype
      refs.set(value, new Map([[dtype, i === 0 ? name : `${name}:${i}`]]))
    })
  }
  // All reads come before the first assignment.
  const taken = recording.assignments.map(({ variable, operand }) => {
    const fresh = operand.value.origin.from === 'operation'
    // A fed tensor's memory belongs to JavaScript: a variable must never hold on to it.
    return { variable, ref: fresh ? read(operand) : copy(graph, scope, read(operand)) }
  })
  const results = Object.entries(recording.outputs).map(([key, operand]) => [key, read(operand)] as const)
  const assigns = taken.map(({ variable, ref }) => {
    const ownRead = reads.get(variable)
    const order = ownRead === undefined ? wait : [`^${ownRead}`]
    return graph.add(`${scope}/assign_${variable}`, 'AssignVariableOp', [handles[variable] as string, ref, ...order], {
      dtype: { type: 'float32' },
    })
  })
  // Reads too: a later block may assign what this one only reads.
  const last = [...assigns, ...reads.values()].map((name) => `^${name}`)
  const end = graph.add(`${scope}/end`, 'NoOp', [...last, ...wait], {})
  return {
    inputs,
    end,
    outputs: Object.fromEntries(
      results.map(([key, ref]) => [
        key,
        graph.add(`${scope}/output_${key}`, 'Identity', [ref, `^${end}`], { T: { type: 'float32' } }),
      ]),
    ),
  }
}

function passOf(op: string, args: readonly string[]): Pass {
  const [first, second, third] = args as [string, string, string]
  if (op === 'Conv2D') return { op, images: first, filter: second }
  if (op === 'Conv2DBackpropFilter') return { op, images: first, gradient: third }
  return { op: 'Conv2DBackpropInput', filter: second, gradient: third }
}

const copy = (graph: GraphBuilder, scope: string, ref: string): string =>
  graph.add(`${scope}/copy`, 'DeepCopy', [ref], { T: { type: 'float32' } })
