import type { Hinge } from '@kantor/contracts'
import { relu, tf } from '@kantor/engine'
import { baseline } from './baseline.js'

/** Lim and Ye 2017: max(0, 1 − f(real)) + max(0, 1 + f(fake)); the generator minimises −f. */
export const hinge = (spec: Hinge) =>
  baseline({ real: (f) => relu(tf.sub(1, f)), fake: (f) => relu(tf.add(1, f)), generator: (f) => tf.neg(f) }, spec)
