import type { WganGp } from '@kantor/contracts'
import { relu, type Tensor, type Tensor1D, type Tensor4D, tf } from '@kantor/engine'
import type { CriticBatch, Objective } from './objective.js'
import { squaredGradientNorms } from './squared-gradient-norms.js'

/** Gradient penalty (Gulrajani et al. 2017, equation 3): mean D(real) − mean D(fake) + λ · penalty [+ drift · mean D(real)²]. */
export function wganGp({ lambda, sides, drift }: WganGp): Objective {
  return {
    criticTerms(score, batch) {
      const real = score(batch.realNHWC)
      const fake = score(batch.fakeNHWC)
      const terms = [tf.mean(real), tf.mean(fake), penalty(gradientNorms(score, between(batch)), sides)]
      return drift === undefined ? terms : [...terms, tf.mean(tf.square(real))]
    },
    criticWeights: drift === undefined ? [1, -1, lambda] : [1, -1, lambda, drift],
    generatorTerm: (fakeScoresN) => tf.mean(fakeScoresN),
    interpolates: true,
    criticPasses: 3,
  }
}

/** x̂ = ε · real + (1 − ε) · fake, one ε per pair. A smaller real batch meets the first images of the fake one. */
export function between({ realNHWC, fakeNHWC, factorsN }: CriticBatch): Tensor4D {
  if (!factorsN) throw new Error('a gradient penalty needs interpolation factors')
  const [rows, height, width, channels] = realNHWC.shape
  const paired = tf.slice(fakeNHWC, [0, 0, 0, 0], [rows, height, width, channels])
  const factors = tf.reshape(factorsN, [rows, 1, 1, 1])
  return tf.add(tf.mul(realNHWC, factors), tf.mul(paired, tf.sub(1, factors)))
}

/** ‖∇D(x̂ᵢ)‖ per image, [n]. */
function gradientNorms(score: (imagesNHWC: Tensor4D) => Tensor1D, atNHWC: Tensor4D): Tensor1D {
  // 1e-30 is lost in any square above 1e-23, and keeps the root's slope finite where the gradient is exactly zero.
  return tf.sqrt(tf.add(squaredGradientNorms(score, atNHWC), 1e-30))
}

function penalty(norms: Tensor1D, sides: WganGp['sides']): Tensor {
  const excess = tf.sub(norms, 1)
  return tf.mean(tf.square(sides === 1 ? relu(excess) : excess))
}
