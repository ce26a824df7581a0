import type { NonSaturating } from '@kantor/contracts'
import { softplus, type Tensor1D, tf } from '@kantor/engine'
import { baseline } from './baseline.js'

/** −log σ(f) and −log(1 − σ(f)): the discriminator of Goodfellow et al. 2014, from logits. */
export const crossEntropy = {
  real: (f: Tensor1D) => softplus(tf.neg(f) as Tensor1D),
  fake: (f: Tensor1D) => softplus(f),
}

/** The generator minimises −log σ(f). */
export const nonSaturating = (spec: NonSaturating) => baseline({ ...crossEntropy, generator: crossEntropy.real }, spec)
