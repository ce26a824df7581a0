import { tf } from '@kantor/engine'
import { type Layer, sequential } from '../layer.js'
import { linear, reluLayer, reshape } from '../layers.js'
import { projected } from '../projected.js'
import type { CriticShape } from '../shapes.js'

/** The authors' MLP_D: images [n, size, size, channels] to scores [n] through three hidden ReLU layers. */
export function mlp({ imageSize, channels, filters, classes }: CriticShape): Layer {
  const pixels = channels * imageSize ** 2
  const hidden = { from: filters, to: filters }
  const last = linear('main.6', { from: filters, to: 1 })
  const score: Layer = {
    parameters: last.parameters,
    lipschitz: last.lipschitz,
    apply: (x, context) => tf.reshape(last.apply(x, context), [-1]),
  }
  return sequential([
    reshape([pixels]),
    linear('main.0', { from: pixels, to: filters }, { fromImage: { size: imageSize, channels } }),
    reluLayer,
    linear('main.2', hidden),
    reluLayer,
    linear('main.4', hidden),
    reluLayer,
    projected(score, { channels: filters }, classes),
  ])
}
