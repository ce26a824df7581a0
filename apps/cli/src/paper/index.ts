import { continuityBound } from './continuity-bound.js'
import type { Experiment } from './experiment.js'
import { intrinsicDim } from './intrinsic-dim.js'
import { manifoldNoise } from './manifold-noise.js'
import { sequences } from './sequences.js'
import { thetaSweep } from './theta-sweep.js'
import { twoGaussians } from './two-gaussians.js'

/** In the order of the paper. */
export const experiments: readonly Experiment[] = [
  manifoldNoise,
  intrinsicDim,
  thetaSweep,
  sequences,
  continuityBound,
  twoGaussians,
]
