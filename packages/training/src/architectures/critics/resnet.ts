import { type Layer, sequential } from '../layer.js'
import { layerNormalised, reluLayer } from '../layers.js'
import { projected } from '../projected.js'
import { firstCriticBlock, overImage, residualBlock, score } from '../residual.js'
import type { CriticShape } from '../shapes.js'
import { plainWeight, type WeightNorm } from '../weight-norm.js'

/** Gulrajani et al. 2017 (appendix F): halved down to 8 × 8, then two blocks more, the mean over the image, one Linear; layer norm. */
export const resnet = (shape: CriticShape): Layer =>
  residualCritic(shape, { norm: layerNormalised, weightNorm: plainWeight })

interface Norms {
  norm: ((name: string, channels: number) => Layer) | null
  weightNorm: WeightNorm
}

export function residualCritic({ imageSize, channels, filters, classes }: CriticShape, norms: Norms): Layer {
  const width = { from: filters, to: filters }
  const layers = [firstCriticBlock(`block${imageSize}`, { from: channels, to: filters }, norms.weightNorm)]
  for (let size = imageSize / 2; size > 8; size /= 2) {
    layers.push(residualBlock(`block${size}`, width, { resize: 'halve', ...norms }))
  }
  for (const name of ['block8a', 'block8b']) layers.push(residualBlock(name, width, { resize: 'keep', ...norms }))
  const output = score('output', filters, norms.weightNorm)
  return sequential([
    ...layers,
    reluLayer,
    overImage,
    projected(output, { channels: filters }, classes, norms.weightNorm),
  ])
}
