import type { LeastSquares } from '@kantor/contracts'
import { type Tensor1D, tf } from '@kantor/engine'
import { baseline } from './baseline.js'

const halfSquare = (target: number) => (f: Tensor1D) => tf.mul(tf.square(tf.sub(f, target)), 0.5)

/** Mao et al. 2017, equation 9: a = 0, b = c = 1. */
export const leastSquares = (spec: LeastSquares) =>
  baseline({ real: halfSquare(1), fake: halfSquare(0), generator: halfSquare(1) }, spec)
