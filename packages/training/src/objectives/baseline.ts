import { type Tensor, type Tensor1D, tf } from '@kantor/engine'
import type { Objective } from './objective.js'
import { squaredGradientNorms } from './squared-gradient-norms.js'

/** Losses of a score per image, [n] to [n]. The score is f = −D, high for real images: a discriminator's logit. */
export interface BaselineLosses {
  real(f: Tensor1D): Tensor
  fake(f: Tensor1D): Tensor
  generator(f: Tensor1D): Tensor
}

/**
 * An objective that the paper compares WGAN with. Mean D(real) and mean D(fake) are reported, weigh nothing, and make no
 * Wasserstein estimate: nothing bounds the critic's slope. With `r1` > 0 adds r1 / 2 · mean ‖∇f(real)‖².
 */
export function baseline(losses: BaselineLosses, { r1 }: { r1: number }): Objective {
  const penalised = r1 > 0
  return {
    criticTerms(score, { realNHWC, fakeNHWC }) {
      const [real, fake] = [score(realNHWC), score(fakeNHWC)]
      const loss = tf.add(tf.mean(losses.real(tf.neg(real))), tf.mean(losses.fake(tf.neg(fake))))
      const terms = [tf.mean(real), tf.mean(fake), loss]
      return penalised ? [...terms, tf.mean(squaredGradientNorms(score, realNHWC))] : terms
    },
    criticWeights: penalised ? [0, 0, 1, r1 / 2] : [0, 0, 1],
    generatorTerm: (fakeScoresN) => tf.mean(losses.generator(tf.neg(fakeScoresN))),
    interpolates: false,
    criticPasses: penalised ? 3 : 2,
  }
}
