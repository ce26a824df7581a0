import { type Tensor2D, tf } from '@kantor/engine'
import { classesOf, type Layer } from './layer.js'
import { type Parameter, permuted } from './parameter.js'
import { plainWeight, type WeightNorm } from './weight-norm.js'

interface Features {
  channels: number
  /** Pixels per side where the features are an image, which is flattened. */
  size?: number
}

/**
 * ψ(φ) + ⟨V_y, φ⟩ (Miyato and Koyama 2018, equation 3): `score` is ψ, φ what it is given, V_y a vector per class, Embedding(classes, features)
 * with Glorot's initial weights as in their code. Clipping and spectral norm take V as any other weight. Without classes it is `score`.
 */
export function projected(
  score: Layer,
  { channels, size = 1 }: Features,
  classes: number | undefined,
  weightNorm: WeightNorm = plainWeight,
): Layer {
  if (classes === undefined) return score
  const features = channels * size ** 2
  const vectors: Parameter = {
    name: 'projection.weight',
    torchShape: [classes, features],
    layout: permuted([classes, channels, size, size], [2, 3, 1, 0], [features, classes]),
    init: { kind: 'uniform', bound: Math.sqrt(6 / (classes + features)) },
    role: 'weight',
  }
  return {
    parameters: [...score.parameters, vectors, ...weightNorm.parameters(vectors)],
    apply(x, context) {
      const matrix = weightNorm.apply(vectors, context) as Tensor2D
      const ofClass = tf.matMul(classesOf(context), matrix, false, true)
      const along = tf.sum(tf.mul(tf.reshape(x, [-1, features]), ofClass), 1)
      return tf.add(score.apply(x, context), along)
    },
  }
}
