import type { Tensor, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'

/** A running average kept per weight; `values[i]` has the shape of the optimizer's i-th variable. */
export interface Slot {
  readonly name: string
  readonly values: readonly Variable[]
}

/**
 * An optimizer over a fixed list of variables. State is `slots` and `steps`; writing both back restores it exactly.
 * `coefficients` and `update` are apart so that `update` can be compiled: it holds tensor code only, and what depends on
 * the step count comes in as a tensor.
 */
export interface Optimizer {
  readonly variables: readonly Variable[]
  readonly slots: readonly Slot[]
  /** Updates done. */
  steps: number
  /** What the learning rate is multiplied by; 1 unless a schedule lowers it. */
  rateScale: number
  /** Scalars of the update number `steps + 1`, computed in double precision. */
  coefficients(): number[]
  /** One update of all variables and slots. */
  update(gradients: readonly Tensor[], coefficients: Tensor1D): void
  dispose(): void
}

/** One eager update. */
export function applyGradients(optimizer: Optimizer, gradients: readonly Tensor[]): void {
  tf.tidy(() => optimizer.update(gradients, tf.tensor1d(optimizer.coefficients(), 'float32')))
  optimizer.steps += 1
}

export const zeroSlot = (name: string, variables: readonly Variable[]): Slot => ({
  name,
  values: tf.tidy(() => variables.map((variable) => tf.variable(tf.zerosLike(variable), false))),
})

export function disposeSlots(slots: readonly Slot[]): void {
  for (const slot of slots) tf.dispose([...slot.values])
}
