import { type Layer, sequential } from '../layer.js'
import { linear, reluLayer, reshape } from '../layers.js'
import type { GeneratorShape } from '../shapes.js'

/** The authors' MLP_G: three hidden ReLU layers and no tanh, so its images are not bounded. */
export function mlp({ imageSize, channels, latentSize, filters }: GeneratorShape): Layer {
  const hidden = { from: filters, to: filters }
  const image = { size: imageSize, channels }
  return sequential([
    linear('main.0', { from: latentSize, to: filters }),
    reluLayer,
    linear('main.2', hidden),
    reluLayer,
    linear('main.4', hidden),
    reluLayer,
    linear('main.6', { from: filters, to: channels * imageSize ** 2 }, { toImage: image }),
    reshape([imageSize, imageSize, channels]),
  ])
}
