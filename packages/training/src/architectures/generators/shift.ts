import { tf } from '@kantor/engine'
import type { Layer } from '../layer.js'
import { type Parameter, plain } from '../parameter.js'
import type { GeneratorShape } from '../shapes.js'

/**
 * The generator of Example 1 (Arjovsky et al. 2017): g(z) = θ + (0, …, 0, Φ(z)), uniform on [0, 1] in its last
 * coordinates, one per latent, and constant in the others. θ, its only parameter, starts at 0.
 */
export function shift({ imageSize, channels, latentSize }: GeneratorShape): Layer {
  const theta: Parameter = {
    name: 'main.shift',
    torchShape: [channels],
    layout: plain([channels]),
    init: { kind: 'constant', value: 0 },
    role: 'weight',
  }
  const constant = Math.max(0, channels - latentSize)
  return {
    parameters: [theta],
    apply(latentNZ, { variable }) {
      // Φ, the law of whose values is uniform.
      const uniform = tf.mul(tf.add(tf.erf(tf.mul(latentNZ, Math.SQRT1_2)), 1), 0.5)
      const points =
        constant === 0 ? uniform : tf.concat([tf.zeros([uniform.shape[0] as number, constant]), uniform], 1)
      return tf.reshape(tf.add(points, variable(theta.name)), [-1, imageSize, imageSize, channels])
    },
  }
}
