import type { Minimax } from '@kantor/contracts'
import { softplus, tf } from '@kantor/engine'
import { baseline } from './baseline.js'
import { crossEntropy } from './non-saturating.js'

/** The generator minimises log(1 − σ(f)), whose slope vanishes where the discriminator is sure. */
export const minimax = (spec: Minimax) => baseline({ ...crossEntropy, generator: (f) => tf.neg(softplus(f)) }, spec)
