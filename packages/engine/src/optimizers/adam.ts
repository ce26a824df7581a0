import type { Tensor, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { disposeSlots, type Optimizer, zeroSlot } from './optimizer.js'

export interface AdamOptions {
  learningRate: number
  beta1: number
  beta2: number
  epsilon?: number
}

/**
 * Adam as torch.optim.Adam computes it: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
 * w ← w − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε).
 */
export function createAdam(variables: readonly Variable[], options: AdamOptions): Optimizer {
  const { learningRate, beta1, beta2, epsilon = 1e-8 } = options
  const mean = zeroSlot('exp_avg', variables)
  const square = zeroSlot('exp_avg_sq', variables)
  const constants = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon].map((x) => tf.scalar(x))
  const [b1, rest1, b2, rest2, eps] = constants as [Tensor, Tensor, Tensor, Tensor, Tensor]
  return {
    variables,
    slots: [mean, square],
    steps: 0,
    rateScale: 1,
    coefficients() {
      const t = this.steps + 1
      return [(this.rateScale * learningRate) / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)]
    },
    update(gradients, coefficients) {
      const [rate, root] = tf.unstack(coefficients) as [Tensor, Tensor]
      variables.forEach((variable, i) => {
        const gradient = gradients[i] as Tensor
        const m = mean.values[i] as Variable
        const v = square.values[i] as Variable
        m.assign(tf.add(tf.mul(m, b1), tf.mul(gradient, rest1)))
        v.assign(tf.add(tf.mul(v, b2), tf.mul(tf.mul(gradient, gradient), rest2)))
        const step = tf.div(tf.mul(m, rate), tf.add(tf.div(tf.sqrt(v), root), eps))
        variable.assign(tf.sub(variable, step))
      })
    },
    dispose() {
      disposeSlots([mean, square])
      tf.dispose(constants)
    },
  }
}
