import { adamCosine } from './adam-cosine.js'
import { bnClip } from './bn-clip.js'
import { clipLines } from './clip-lines.js'
import { collapse } from './collapse.js'
import { continuityBound } from './continuity-bound.js'
import { curves } from './curves.js'
import type { Experiment } from './experiment.js'
import { gpLines } from './gp-lines.js'
import { mlp, noBn } from './hard-generators.js'
import { initVsClip } from './init-vs-clip.js'
import { intrinsicDim } from './intrinsic-dim.js'
import { jsCurves } from './js-curves.js'
import { manifoldNoise } from './manifold-noise.js'
import { minfunnels } from './minfunnels.js'
import { modeCoverage } from './mode-coverage.js'
import { realVsReal } from './real-vs-real.js'
import { sequences } from './sequences.js'
import { thetaSweep } from './theta-sweep.js'
import { twoGaussians } from './two-gaussians.js'

/** Calculations in the order of the paper, then trainings. */
export const experiments: readonly Experiment[] = [
  manifoldNoise,
  intrinsicDim,
  thetaSweep,
  sequences,
  continuityBound,
  twoGaussians,
  gpLines,
  clipLines,
  minfunnels,
  initVsClip,
  bnClip,
  adamCosine,
  modeCoverage,
  collapse,
  realVsReal,
  curves,
  jsCurves,
  noBn,
  mlp,
]
