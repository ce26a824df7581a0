import type { Tensor, Tensor1D, Tensor4D } from '@kantor/engine'
import type { Player } from '../player.js'

/** What critic and generator optimise. D is the authors' critic (−f): the critic minimises D(real) − D(fake) + …. */
export interface Objective {
  /**
   * Scalars whose weighted sum is the critic's loss: mean D(real), mean D(fake), then whatever the objective adds.
   * Real goes through the critic before fake, in a pass of its own: batch norm sees two batches.
   */
  criticTerms(score: (imagesNHWC: Tensor4D) => Tensor1D, realNHWC: Tensor4D, fakeNHWC: Tensor4D): Tensor[]
  /** One weight per term. */
  criticWeights: readonly number[]
  beforeCriticUpdate?(critic: Player): void
  afterCriticUpdate?(critic: Player): void
}
