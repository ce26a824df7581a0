import type { Tensor, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { disposeSlots, type Optimizer, zeroSlot } from './optimizer.js'

export interface RmsPropOptions {
  learningRate: number
  /** PyTorch's `alpha`. */
  decay?: number
  epsilon?: number
}

/**
 * RMSProp as torch.optim.RMSprop computes it: v ← αv + (1 − α)g², w ← w − lr · g / (√v + ε), v₀ = 0.
 * tfjs and TensorFlow put ε inside the root, which makes first steps 4 to 100 times smaller.
 */
export function createRmsProp(variables: readonly Variable[], options: RmsPropOptions): Optimizer {
  const { learningRate, decay = 0.99, epsilon = 1e-8 } = options
  const average = zeroSlot('square_avg', variables)
  const [alpha, rest, eps] = [decay, 1 - decay, epsilon].map((x) => tf.scalar(x)) as [Tensor, Tensor, Tensor]
  return {
    variables,
    slots: [average],
    steps: 0,
    rateScale: 1,
    coefficients() {
      return [this.rateScale * learningRate]
    },
    update(gradients, coefficients) {
      const [rate] = tf.unstack(coefficients) as [Tensor]
      variables.forEach((variable, i) => {
        const gradient = gradients[i] as Tensor
        const slot = average.values[i] as Variable
        slot.assign(tf.add(tf.mul(slot, alpha), tf.mul(tf.mul(gradient, gradient), rest)))
        const step = tf.div(tf.mul(gradient, rate), tf.add(tf.sqrt(slot), eps))
        variable.assign(tf.sub(variable, step))
      })
    },
    dispose() {
      disposeSlots([average])
      tf.dispose([alpha, rest, eps])
    },
  }
}
