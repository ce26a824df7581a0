import type { Tensor, Variable } from '@tensorflow/tfjs-node-gpu'
import { CompileError } from './compile-error.js'
import { createGraphBuilder } from './graph-builder.js'
import { type Block, lower } from './lower.js'
import { type LoweringChooser, pinnedLowerings } from './lowerings.js'
import { sizeOf, type Values } from './native.js'
import type { Precision } from './precision.js'
import { record, type StepFunction } from './record.js'
import type { InputSpec, Recording } from './recording.js'
import { type Feed, Session, takeValues, withTensors } from './session.js'
import { addVariables } from './variables.js'

export type Inputs = Readonly<Record<string, InputSpec>>

/** Inputs by name, typed arrays of the declared dtype and size. */
export type Feeds<I extends Inputs = Inputs> = {
  [K in keyof I]: I[K]['dtype'] extends 'uint8'
    ? Uint8Array
    : I[K]['dtype'] extends 'int32'
      ? Int32Array
      : I[K]['dtype'] extends undefined | 'float32'
        ? Float32Array
        : Values
}

/** An ordinary tfjs function: ops on its inputs and on variables, which it may assign. */
export interface Step<I extends Inputs = Inputs, O extends string = string> {
  inputs: I
  step: (inputs: { [K in keyof I]: Tensor }) => Record<O, Tensor>
}

export interface ProgramOptions {
  /** Everything that a step reads and assigns from call to call: weights, optimizer slots, running statistics. */
  variables: readonly Variable[]
  steps: Readonly<Record<string, Step>>
  /** Further calls that run several steps in order, each after the assignments of the one before. */
  sequences?: Readonly<Record<string, readonly string[]>>
  /** `bfloat16`: convolutions and matrix products, with the batch norms and activations between them. */
  precision?: Precision
  /** How ops with several lowerings are lowered. Left out: each as itself, which repeats the eager step to the bit. */
  chooser?: LoweringChooser
}

export type Outputs = Record<string, Float32Array>

/** Steps over common variables, compiled into one graph. */
export interface Program {
  /** One native call of one step. */
  run(step: string, feeds: Feeds): Outputs
  /** One native call of a sequence: one feed per step in, one output per step out. */
  runSequence(sequence: string, feeds: readonly Feeds[]): Outputs[]
  /** Copies the tfjs variables into the graph: after a checkpoint was loaded into them. */
  push(variables?: readonly Variable[]): void
  /** Values in the graph; the tfjs variables stay as they are. */
  read(variables: readonly Variable[]): Float32Array[]
  /** Brings the tfjs variables up to date with the graph. */
  pull(variables?: readonly Variable[]): void
  /** Frees the graph with its variables; the tfjs variables stay. */
  dispose(): void
}

interface Call {
  blocks: readonly Block[]
  recordings: readonly Recording[]
  /** One fetch: all outputs of all blocks, flat and in order. */
  fetch: string
}

/**
 * Traces every step once and loads them as one TensorFlow graph with the variables inside, starting from their values.
 * Tensors that a step makes from JavaScript numbers, and tensors made before it that are no variables, become constants:
 * what changes from call to call must be an input.
 * @throws CompileError
 */
export function compileProgram({
  variables,
  steps,
  sequences = {},
  precision = 'float32',
  chooser = pinnedLowerings(),
}: ProgramOptions): Program {
  checkVariables(variables)
  const graph = createGraphBuilder()
  const twins = addVariables(graph, variables)
  const recordings = Object.fromEntries(
    Object.entries(steps).map(([name, { inputs, step }]): [string, Recording] => {
      checkName(name)
      return [name, record({ name, variables, inputs, step: step as StepFunction })]
    }),
  )
  const call = (scope: string, names: readonly string[]): Call => {
    const blocks: Block[] = []
    const used = names.map((name, i) => {
      const recording = recordings[name]
      if (!recording) throw new CompileError(`sequence ${scope} names the step ${name}, which does not exist`)
      const after = blocks.at(-1)?.end
      blocks.push(
        lower(graph, recording, { scope: `${scope}/${i}_${name}`, handles: twins.handles, after, precision, chooser }),
      )
      return recording
    })
    const refs = blocks.flatMap(({ outputs }) => Object.values(outputs))
    if (refs.length === 0) throw new CompileError(`${scope} has no outputs: a step returns at least one tensor`)
    const end = blocks.at(-1)?.end as string
    return { blocks, recordings: used, fetch: flatten(graph, scope, { refs, end }) }
  }
  const calls = new Map(Object.keys(steps).map((name) => [`step ${name}`, call(`step/${name}`, [name])]))
  for (const [name, names] of Object.entries(sequences)) {
    checkName(name)
    calls.set(`sequence ${name}`, call(`sequence/${name}`, names))
  }
  const session = new Session(graph.nodes)
  const indicesOf = (some: readonly Variable[]): number[] =>
    some.map((variable) => {
      const index = variables.indexOf(variable)
      if (index < 0) throw new RangeError(`${variable.name} is not among the compiled variables`)
      return index
    })
  try {
    if (graph.initializers.length > 0) takeValues(session.run([], graph.initializers))
    twins.push(session)
  } catch (cause) {
    session.dispose()
    throw cause
  }

  const runCall = (name: string, feeds: readonly Feeds[]): Outputs[] => {
    const found = calls.get(name)
    if (!found) throw new RangeError(`there is no ${name}`)
    const { blocks, recordings: recorded, fetch } = found
    if (feeds.length !== blocks.length) {
      throw new RangeError(`${name} has ${blocks.length} steps, ${feeds.length} feeds were given`)
    }
    const fed = blocks.flatMap(({ inputs }, i) => feedsOf(name, inputs, recorded[i] as Recording, feeds[i] as Feeds))
    const [flat] = withTensors(fed, (ids) => {
      const all = fed.map(({ node }, i): Feed => ({ node, tensor: ids[i] as number }))
      return takeValues(session.run(all, [fetch]))
    }) as [Float32Array]
    return split(flat, recorded)
  }
  return {
    run: (step, feeds) => runCall(`step ${step}`, [feeds])[0] as Outputs,
    runSequence: (sequence, feeds) => runCall(`sequence ${sequence}`, feeds),
    push: (some) => twins.push(session, some && indicesOf(some)),
    read: (some) => twins.read(session, indicesOf(some)),
    pull: (some) => twins.pull(session, some && indicesOf(some)),
    dispose: () => session.dispose(),
  }
}

function checkVariables(variables: readonly Variable[]): void {
  for (const { name, dtype } of variables) {
    if (dtype !== 'float32') throw new CompileError(`the variable ${name} is ${dtype}; compiled variables are float32`)
  }
  if (new Set(variables).size !== variables.length) throw new CompileError('a variable is listed twice')
}

function checkName(name: string): void {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) throw new CompileError(`${name} is no name: letters, digits and _ only`)
}

/** One vector of everything, so that a call has one result to take over. */
function flatten(
  graph: ReturnType<typeof createGraphBuilder>,
  scope: string,
  { refs, end }: { refs: readonly string[]; end: string },
): string {
  const float = { type: 'float32' } as const
  const integer = { type: 'int32' } as const
  const vectors = refs.map((ref) =>
    graph.add(`${scope}/flat`, 'Reshape', [ref, graph.integers([-1])], { T: float, Tshape: integer }),
  )
  if (vectors.length === 1)
    return graph.add(`${scope}/all`, 'Identity', [vectors[0] as string, `^${end}`], { T: float })
  const axis = graph.constant(Int32Array.of(0), [], 'int32')
  return graph.add(`${scope}/all`, 'ConcatV2', [...vectors, axis, `^${end}`], {
    T: float,
    N: { int: vectors.length },
    Tidx: integer,
  })
}

function feedsOf(call: string, placeholders: Record<string, string>, { inputs }: Recording, feeds: Feeds) {
  for (const key of Object.keys(feeds)) if (!inputs[key]) throw new RangeError(`${call} has no input ${key}`)
  return Object.entries(inputs).flatMap(([key, { shape, dtype = 'float32' }]) => {
    const values = feeds[key] as Values | undefined
    if (!values) throw new RangeError(`${call} needs its input ${key}`)
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(
        `${call}: input ${key} is [${shape.join(', ')}], that is ${sizeOf(shape)} numbers; ${values.length} were given`,
      )
    }
    const node = placeholders[key]
    return node === undefined ? [] : [{ node, shape, dtype, values }]
  })
}

function split(flat: Float32Array, recordings: readonly Recording[]): Outputs[] {
  let at = 0
  return recordings.map(({ outputs }) =>
    Object.fromEntries(Object.entries(outputs).map(([key, { shape }]) => [key, flat.slice(at, (at += sizeOf(shape)))])),
  )
}
