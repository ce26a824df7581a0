import type { CurvePoint, JobSpec } from '@kantor/contracts'
import type { Feeds, LoweringChooser } from '@kantor/engine'
import type { ProbeName, Probes } from '../diagnostics/probes.js'
import type { ImageSource } from '../events.js'
import type { Game } from '../game.js'
import { createCompiledStepper } from './compiled-stepper.js'
import { createEagerStepper } from './eager-stepper.js'

/** Feeds the steps: batches, latents and optimizer coefficients in, one curve point per generator step out. */
export interface Stepper {
  /** One critic update on the images with these indices. `criticStep` = critic steps done before. */
  critic(indices: Int32Array, criticStep: number): void
  /** One generator update. The only device sync of a generator step: a few numbers. */
  generator(done: { step: number; criticStep: number }): CurvePoint
  /** What a look at the networks finds; it moves nothing. */
  probe(name: ProbeName, feeds: Feeds): Float32Array
  /** Takes over the game's variables: needed after somebody else has set them. */
  load(): void
  /** Brings the game's variables up to date: needed before somebody else reads them. */
  store(): void
  /** The bytes of what one critic update on a fixed batch gives. Needs up-to-date variables and changes nothing. */
  rehearse(): Buffer
  dispose(): void
}

export type StepperSpec = Pick<JobSpec, 'model' | 'batchSize' | 'seed' | 'schedule' | 'precision'>

/** `compiled`: as one graph. `eager`: op by op, the reference. Both compute the same numbers. */
export type EngineKind = 'compiled' | 'eager'

const steppers = { compiled: createCompiledStepper, eager: createEagerStepper } satisfies Record<EngineKind, unknown>

export interface StepperOptions {
  images: ImageSource
  /** How the compiled graph's convolutions are computed. */
  chooser: LoweringChooser
  /** Looks that can be taken; null when nothing is to be measured, not even at each step. */
  probes: Partial<Probes> | null
}

export const createStepper = (engine: EngineKind, game: Game, spec: StepperSpec, options: StepperOptions): Stepper =>
  steppers[engine](game, spec, options)
