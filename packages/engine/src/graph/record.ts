import type { Tensor, TensorInfo, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { attributesOf, type RawAttribute } from './attributes.js'
import { CompileError } from './compile-error.js'
import { dtypeNumbers, graphBackend, type Values } from './native.js'
import type { InputSpec, Operand, Operation, Recording, StepDtype, Value } from './recording.js'
import { inferResults, type Result } from './shape-rules.js'

export type StepFunction = (inputs: Record<string, Tensor>) => Record<string, Tensor>

export interface RecordOptions {
  /** For error messages. */
  name: string
  variables: readonly Variable[]
  inputs: Readonly<Record<string, InputSpec>>
  step: StepFunction
}

/** An op whose result's shape is only known by running it. */
class NeedsRun extends Error {}

/**
 * Calls `step` and writes down every native op, without computing anything where the shapes of all results follow from
 * rules; else `step` is called again and runs once for real, on zeros and on copies of the variables. The variables keep
 * their values; every tensor made is freed.
 * @throws CompileError
 */
export function record(options: RecordOptions, { run = false }: { run?: boolean } = {}): Recording {
  if (run) return trace(options, runOp)
  try {
    return trace(options, inferOp)
  } catch (error) {
    if (!(error instanceof NeedsRun)) throw error
    return trace(options, runOp)
  }
}

interface Mode {
  /** A tensor to trace with. `of`: copy its values. */
  standIn(result: Result, of?: Tensor): Tensor
  execute(call: Omit<Operation, 'outputs'>, run: () => Tensor[]): Tensor[]
}

const runOp: Mode = {
  standIn: ({ shape, dtype }, of) =>
    of ? tf.tensor(of.dataSync().slice(), of.shape, of.dtype) : tf.zeros([...shape], dtype),
  execute: (_call, run) => run(),
}

const inferOp: Mode = {
  standIn: ({ shape, dtype }) => hollowTensor({ shape, dtype }),
  execute(call) {
    const results = inferResults(call)
    if (!results) throw new NeedsRun(call.op)
    return results.map(hollowTensor)
  },
}

/** A tensor with a shape and without numbers. */
function hollowTensor({ shape, dtype }: Result): Tensor {
  const dataId = {}
  const entry = { shape: [...shape], dtype: dtypeNumbers[dtype], values: null, id: -1, refCount: 1 }
  graphBackend().tensorMap.set(dataId, entry)
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype })
}

function trace({ name, variables, inputs, step }: RecordOptions, mode: Mode): Recording {
  const fail = (problem: string): never => {
    throw new CompileError(`step ${name} cannot be compiled: ${problem}`)
  }
  const declared = new Set(variables)
  const others = Object.values(tf.engine().registeredVariables).filter((variable) => !declared.has(variable))
  // A clone shares its variable's numbers: what the step assigns meanwhile is taken back.
  const originals = new Map([...variables, ...others].map((variable) => [variable, variable.clone()]))
  const log = createLog(variables, new Map(others.map((variable) => [variable, variable.dataId])), fail)
  let recording: Recording | null = null
  try {
    // The tidy returns nothing: it would search the recording for tensors, number by number.
    tf.tidy(() => {
      // A dataId of its own for every variable, even where two share one.
      variables.forEach((variable, index) => {
        variable.assign(mode.standIn({ shape: variable.shape, dtype: 'float32' }, originals.get(variable)))
        log.add(variable, { from: 'variable', index })
      })
      const fed = Object.entries(inputs).map(([key, { shape, dtype }]): [string, Tensor] => {
        const tensor = mode.standIn({ shape, dtype: dtype === 'int32' ? 'int32' : 'float32' })
        log.add(tensor, { from: 'input', name: key })
        return [key, tensor]
      })
      const outputs = log.watch(mode, () => step(Object.fromEntries(fed)))
      recording = { inputs, ...log.finish(outputs) }
    })
  } finally {
    for (const [variable, original] of originals) {
      if (variable.dataId !== original.dataId) variable.assign(original)
      original.dispose()
    }
  }
  return recording as unknown as Recording
}

interface Log {
  add(info: TensorInfo, origin: Value['origin']): Value
  /** Calls `step` while every native op and every read goes through the log. */
  watch(mode: Mode, step: () => Record<string, Tensor>): Record<string, Tensor>
  finish(outputs: Record<string, Tensor>): Omit<Recording, 'inputs'>
}

function createLog(
  variables: readonly Variable[],
  others: ReadonlyMap<Variable, object>,
  fail: (problem: string) => never,
): Log {
  const backend = graphBackend()
  const { readSync, read } = backend
  const values = new Map<object, Value>()
  const operations: Operation[] = []
  const add: Log['add'] = (info, origin) => {
    const value: Value = { origin, shape: [...info.shape], dtype: dtypeOf(info, fail) }
    values.set(info.dataId, value)
    return value
  }
  const operand = (info: TensorInfo, reader: string): Operand => {
    if (!isTensorInfo(info)) fail(`${reader} takes something that is no tensor`)
    const known = values.get(info.dataId)
    if (known) return { value: known, shape: [...info.shape] }
    const hidden = [...others.keys()].find(({ dataId }) => dataId === info.dataId)
    if (hidden) fail(`${reader} reads the variable ${hidden.name}, which is not among its variables`)
    dtypeOf(info, fail)
    const constant = add(info, { from: 'constant', values: readSync.call(backend, info.dataId).slice() as Values })
    return { value: constant, shape: [...info.shape] }
  }
  const refuseRead = (dataId: object): void => {
    const value = values.get(dataId)
    if (!value || value.origin.from === 'constant') return
    fail(
      `it reads ${describe(value, operations)} into JavaScript (dataSync, data, array or print). What depends on the ` +
        'numbers would stay as it was in the trace: use tensor ops (tf.where, tf.clipByValue, …) or return the tensor',
    )
  }
  return {
    add,
    watch(mode, step) {
      const { executeSingleOutput, executeMultipleOutputs } = backend
      const note = (op: string, raw: readonly RawAttribute[], infos: TensorInfo[], run: () => Tensor[]): Tensor[] => {
        const attributes = attributesOf(raw, (problem) => fail(`op ${op} ${problem}`))
        // Before the op runs: the backend forgets a constant's JavaScript values once it has uploaded them.
        const call = { op, attributes, inputs: infos.map((info) => operand(info, `op ${op}`)) }
        const results = mode.execute(call, run)
        const index = operations.length
        const outputs = results.map((result, output) => add(result, { from: 'operation', index, output }))
        operations.push({ ...call, outputs })
        return results
      }
      backend.executeSingleOutput = (op, raw, infos) =>
        note(op, raw, infos, () => [executeSingleOutput.call(backend, op, raw, infos)])[0] as Tensor
      backend.executeMultipleOutputs = (op, raw, infos, numOutputs) =>
        note(op, raw, infos, () => executeMultipleOutputs.call(backend, op, raw, infos, numOutputs))
      backend.readSync = (dataId) => {
        refuseRead(dataId)
        return readSync.call(backend, dataId)
      }
      backend.read = (dataId) => {
        refuseRead(dataId)
        return read.call(backend, dataId)
      }
      try {
        return step()
      } finally {
        Object.assign(backend, { executeSingleOutput, executeMultipleOutputs, readSync, read })
      }
    },
    finish(outputs) {
      for (const [variable, dataId] of others) {
        if (variable.dataId !== dataId) {
          fail(`it assigns the variable ${variable.name}, which is not among its variables`)
        }
      }
      const known = new Set([...variables, ...others.keys()])
      for (const variable of Object.values(tf.engine().registeredVariables)) {
        if (known.has(variable)) continue
        variable.dispose()
        fail(`it makes the variable ${variable.name}: make it before`)
      }
      const assignments = variables.flatMap((variable, index) => {
        const left = operand(variable, `variable ${variable.name}`)
        const { origin } = left.value
        return origin.from === 'variable' && origin.index === index ? [] : [{ variable: index, operand: left }]
      })
      const results = Object.entries(outputs).map(([key, tensor]) => {
        if (tensor.dtype !== 'float32') fail(`its output ${key} is ${tensor.dtype}; outputs are float32`)
        return [key, operand(tensor, `output ${key}`)] as const
      })
      return { operations, assignments, outputs: Object.fromEntries(results) }
    },
  }
}

const isTensorInfo = (value: unknown): value is TensorInfo =>
  typeof value === 'object' && value !== null && 'dataId' in value && 'shape' in value

function dtypeOf({ dtype }: TensorInfo, fail: (problem: string) => never): StepDtype {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') return fail(`it uses a tensor of dtype ${dtype}`)
  return dtype
}

function describe({ origin }: Value, operations: readonly Operation[]): string {
  if (origin.from === 'input') return `its input ${origin.name}`
  if (origin.from === 'variable') return 'a variable'
  return `the result of op ${origin.from === 'operation' ? operations[origin.index]?.op : '?'}`
}
