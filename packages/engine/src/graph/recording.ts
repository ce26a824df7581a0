import type { AttributeValue } from './messages.js'
import type { Values } from './native.js'

// A step as a list of native ops over values, free of any graph: lowered once per place where the step is used.

/** The dtypes that tfjs tensors can have inside a compiled step. */
export type StepDtype = 'float32' | 'int32' | 'bool'

type Origin =
  | { from: 'input'; name: string }
  | { from: 'variable'; index: number }
  | { from: 'constant'; values: Values }
  | { from: 'operation'; index: number; output: number }

export interface Value {
  origin: Origin
  shape: readonly number[]
  dtype: StepDtype
}

/** A value under the shape in which it is read: a tfjs reshape moves no data and is no op. */
export interface Operand {
  value: Value
  shape: readonly number[]
}

export interface Operation {
  op: string
  attributes: Readonly<Record<string, AttributeValue>>
  inputs: readonly Operand[]
  outputs: readonly Value[]
}

export interface Recording {
  inputs: Readonly<Record<string, InputSpec>>
  operations: readonly Operation[]
  /** What the step leaves in the variables that it assigned. */
  assignments: readonly { variable: number; operand: Operand }[]
  outputs: Readonly<Record<string, Operand>>
}

/** What is fed from outside. uint8 arrives in the step as float32 numbers 0 to 255. */
export interface InputSpec {
  shape: readonly number[]
  /** float32 unless said otherwise. */
  dtype?: 'float32' | 'int32' | 'uint8'
}
