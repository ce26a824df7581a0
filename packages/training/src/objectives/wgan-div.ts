import type { WganDiv } from '@kantor/contracts'
import { type Tensor, type Tensor1D, tf } from '@kantor/engine'
import type { Objective } from './objective.js'
import { squaredGradientNorms } from './squared-gradient-norms.js'

/**
 * Wasserstein divergence (Wu et al. 2018): mean D(real) − mean D(fake) + k · ½ (mean ‖∇D(real)‖ᵖ + mean ‖∇D(fake)‖ᵖ).
 * As in the widely used PyTorch code the penalty sits on real and generated images, not between them.
 */
export function wganDiv({ k, power }: WganDiv): Objective {
  const meanPower = (squaresN: Tensor1D): Tensor => {
    let raised = squaresN
    for (let exponent = 2; exponent < power; exponent += 2) raised = tf.mul(raised, squaresN)
    return tf.mean(raised)
  }
  return {
    criticTerms: (score, { realNHWC, fakeNHWC }) => [
      tf.mean(score(realNHWC)),
      tf.mean(score(fakeNHWC)),
      tf.mul(
        tf.add(meanPower(squaredGradientNorms(score, realNHWC)), meanPower(squaredGradientNorms(score, fakeNHWC))),
        0.5,
      ),
    ],
    criticWeights: [1, -1, k],
    generatorTerm: (fakeScoresN) => tf.mean(fakeScoresN),
    interpolates: false,
    criticPasses: 4,
  }
}
