import type { Tensor, TensorInfo, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { attributesOf, type RawAttribute } from './attributes.js'
import { CompileError } from './compile-error.js'
import { dtypeNumbers, graphBackend, type Values } from './native.js'
import type { InputSpec, Operand, Operation, Recording, StepDtype, Value } from './recording.js'

export type StepFunction = (inputs: Record<string, Tensor>) => Record<string, Tensor>

export interface RecordOptions {
  /** For error messages. */
  name: string
  variables: readonly Variable[]
  inputs: Readonly<Record<string, InputSpec>>
  step: StepFunction
}

/**
 * Runs `step` once, on zeros and on copies of the variables, and writes down every native op. The variables keep their
 * values; every tensor made is freed.
 * @throws CompileError
 */
export function record({ name, variables, inputs, step }: RecordOptions): Recording {
  const backend = graphBackend()
  const values = new Map<object, Value>()
  const operations: Operation[] = []
  const fail = (message: string): never => {
    throw new CompileError(`step ${name} cannot be compiled: ${message}`)
  }

  const add = (info: TensorInfo, origin: Value['origin']): Value => {
    const value: Value = { origin, shape: [...info.shape], dtype: dtypeOf(info, fail) }
    values.set(info.dataId, value)
    return value
  }
  const declared = new Set<Variable>(variables)
  const undeclared = () => Object.values(tf.engine().registeredVariables).filter((variable) => !declared.has(variable))
  const operand = (info: TensorInfo, where: string): Operand => {
    let value = values.get(info.dataId)
    if (!value) {
      const hidden = undeclared().find(({ dataId }) => dataId === info.dataId)
      if (hidden) fail(`${where} reads the variable ${hidden.name}, which is not among its variables`)
      value = add(info, { from: 'constant', values: read(info.dataId).slice() as Values })
    }
    return { value, shape: [...info.shape] }
  }
  const write = (op: string, raw: readonly RawAttribute[], infos: readonly TensorInfo[], outputs: Tensor[]): void => {
    const index = operations.length
    operations.push({
      op,
      attributes: attributesOf(raw, (problem) => fail(`op ${op} ${problem}`)),
      inputs: infos.map((info) => operandsBefore.get(info) ?? operand(info, `op ${op}`)),
      outputs: outputs.map((output, i) => add(output, { from: 'operation', index, output: i })),
    })
  }
  // Constants are read before the op runs: the backend forgets their JavaScript values once it has uploaded them.
  let operandsBefore = new Map<TensorInfo, Operand>()
  const prepare = (op: string, infos: readonly TensorInfo[]): void => {
    operandsBefore = new Map(
      infos.map((info) => {
        if (!isTensorInfo(info)) fail(`op ${op} takes something that is no tensor`)
        return [info, operand(info, `op ${op}`)]
      }),
    )
  }

  const { executeSingleOutput, executeMultipleOutputs, readSync, read: readLater } = backend
  const read = readSync.bind(backend)
  const refuseRead = (dataId: object): void => {
    const value = values.get(dataId)
    if (!value || value.origin.from === 'constant') return
    const what = describe(value, operations)
    fail(
      `it reads ${what} into JavaScript (dataSync, data, array or print). What depends on the numbers would be fixed ` +
        'at the values of the trace: use tensor ops (tf.where, tf.clipByValue, …) or return the tensor instead',
    )
  }

  const before = new Set(undeclared())
  const identities = new Map([...before].map((variable) => [variable, variable.dataId]))
  const originals = variables.map((variable) => variable.clone())
  let recording: Recording | null = null
  try {
    // The tidy returns nothing: it would search the recording for tensors, number by number.
    tf.tidy(() => {
      // A dataId of its own for every variable, even where two share one.
      variables.forEach((variable, index) => {
        variable.assign(tf.tensor(read(variable.dataId).slice() as Values, variable.shape, variable.dtype))
        add(variable, { from: 'variable', index })
      })
      const fed = Object.entries(inputs).map(([key, { shape, dtype = 'float32' }]): [string, Tensor] => {
        const zeros = tf.zeros([...shape], dtype === 'int32' ? 'int32' : 'float32')
        add(zeros, { from: 'input', name: key })
        return [key, zeros]
      })

      backend.executeSingleOutput = (op, attributes, infos) => {
        prepare(op, infos)
        const output = executeSingleOutput.call(backend, op, attributes, infos)
        write(op, attributes, infos, [output])
        return output
      }
      backend.executeMultipleOutputs = (op, attributes, infos, numOutputs) => {
        prepare(op, infos)
        const results = executeMultipleOutputs.call(backend, op, attributes, infos, numOutputs)
        write(op, attributes, infos, results)
        return results
      }
      backend.readSync = (dataId) => {
        refuseRead(dataId)
        return read(dataId)
      }
      backend.read = (dataId) => {
        refuseRead(dataId)
        return readLater.call(backend, dataId)
      }
      const outputs = step(Object.fromEntries(fed))

      for (const variable of undeclared()) {
        if (!before.has(variable)) fail(`it makes the variable ${variable.name}: make it before`)
        if (identities.get(variable) !== variable.dataId) {
          fail(`it assigns the variable ${variable.name}, which is not among its variables`)
        }
      }
      recording = {
        inputs,
        operations,
        assignments: variables.flatMap((variable, index) => {
          const { value, shape } = operand(variable, `variable ${variable.name}`)
          const untouched = value.origin.from === 'variable' && value.origin.index === index
          return untouched ? [] : [{ variable: index, operand: { value, shape } }]
        }),
        outputs: outputOperands(outputs, operand, fail),
      }
    })
  } finally {
    Object.assign(backend, { executeSingleOutput, executeMultipleOutputs, readSync, read: readLater })
    variables.forEach((variable, i) => variable.assign(originals[i] as Tensor))
    tf.dispose(originals)
  }
  return recording as unknown as Recording
}

function outputOperands(
  outputs: Record<string, Tensor>,
  operand: (info: TensorInfo, where: string) => Operand,
  fail: (message: string) => never,
): Record<string, Operand> {
  return Object.fromEntries(
    Object.entries(outputs).map(([key, tensor]) => {
      if (tensor.dtype !== 'float32') fail(`its output ${key} is ${tensor.dtype}; outputs are float32`)
      return [key, operand(tensor, `output ${key}`)]
    }),
  )
}

const isTensorInfo = (value: unknown): value is TensorInfo =>
  typeof value === 'object' && value !== null && 'dataId' in value && 'shape' in value

function dtypeOf({ dtype }: TensorInfo, fail: (message: string) => never): StepDtype {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') return fail(`it uses a tensor of dtype ${dtype}`)
  return dtype satisfies keyof typeof dtypeNumbers
}

function describe({ origin }: Value, operations: readonly Operation[]): string {
  if (origin.from === 'input') return `its input ${origin.name}`
  if (origin.from === 'variable') return 'a variable'
  return `the result of op ${origin.from === 'operation' ? operations[origin.index]?.op : '?'}`
}
