import type { Tensor, Tensor1D, Tensor4D } from '@kantor/engine'
import type { Parameter } from '../architectures/parameter.js'
import type { Player } from '../player.js'

/** What a critic step looks at. */
export interface CriticBatch {
  realNHWC: Tensor4D
  /** At least as many images as in `realNHWC`: a tail batch is smaller, the fake batch stays full. */
  fakeNHWC: Tensor4D
  /** U[0, 1), one per real image; only where the objective `interpolates`. */
  factorsN?: Tensor1D | undefined
}

/** What critic and generator optimise. D is the authors' critic (−f): the critic minimises D(real) − D(fake) + …. */
export interface Objective {
  /**
   * Scalars whose weighted sum is the critic's loss: mean D(real), mean D(fake), then whatever the objective adds.
   * Real goes through the critic before fake, in a pass of its own: batch norm sees two batches.
   */
  criticTerms(score: (imagesNHWC: Tensor4D) => Tensor1D, batch: CriticBatch): Tensor[]
  /** One weight per term. */
  criticWeights: readonly number[]
  /** What the generator minimises, from D(G(z)) [n]. */
  generatorTerm(fakeScoresN: Tensor1D): Tensor
  /** Whether `criticTerms` needs factors to draw images between the real and the fake ones. */
  interpolates: boolean
  /** Where it clamps the critic’s weights: the box’s half-width, and which weights are held in it. */
  clamp?: { bound: number; holds(parameter: Parameter): boolean }
  /** Passes through the critic in one critic step; each moves batch norm's running statistics on. */
  criticPasses: number
  beforeCriticUpdate?(critic: Player): void
  afterCriticUpdate?(critic: Player): void
}
