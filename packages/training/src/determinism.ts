import type { JobSpec } from '@kantor/contracts'
import { type LoweringChooser, type Lowerings, measuredLowerings, pinnedLowerings } from '@kantor/engine'
import { recordedLowerings, type Runtime } from './checkpoint/checkpoint.js'
import type { Stepper } from './step/stepper.js'

export interface LoweringSource {
  /** What was measured before on this machine. */
  known: Lowerings
  resume: Uint8Array | undefined
}

/** Pinned by the spec or by the checkpoint that a run goes on from, measured otherwise. */
export function chooseLowerings(
  { lowerings }: Pick<JobSpec, 'lowerings'>,
  runtime: Runtime,
  { known, resume }: LoweringSource,
): LoweringChooser {
  if (lowerings === 'direct') return pinnedLowerings()
  const recorded = resume && recordedLowerings(resume, runtime)
  return recorded ? pinnedLowerings(recorded) : measuredLowerings(known)
}

const ROUNDS = 2

/** Self-test: one critic step on one fixed batch, done twice from the same weights, agrees to the last bit. */
export function isDeterministic(stepper: Stepper): boolean {
  const [first, ...others] = Array.from({ length: ROUNDS }, () => stepper.rehearse())
  return others.every((other) => first !== undefined && Buffer.compare(other, first) === 0)
}
