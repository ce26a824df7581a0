import { batchNormFor } from '../batch-norm.js'
import { type Layer, sequential } from '../layer.js'
import { linear, reluLayer, reshape, tanhLayer } from '../layers.js'
import { residualBlock, toImage } from '../residual.js'
import type { GeneratorShape } from '../shapes.js'
import { plainWeight } from '../weight-norm.js'

/** Gulrajani et al. 2017 (appendix F): a block per doubling from 4 × 4 up, batch norm in each, and one width throughout. */
export function resnet({ imageSize, channels, latentSize, filters, classes }: GeneratorShape): Layer {
  const norm = batchNormFor(classes)
  const first = { size: 4, channels: filters }
  const layers = [linear('input', { from: latentSize, to: 16 * filters }, { toImage: first }), reshape([4, 4, filters])]
  for (let size = 4; size < imageSize; size *= 2) {
    const options = { resize: 'double', norm, weightNorm: plainWeight } as const
    layers.push(residualBlock(`block${size * 2}`, { from: filters, to: filters }, options))
  }
  return sequential([
    ...layers,
    norm('norm', filters),
    reluLayer,
    toImage('output', { from: filters, to: channels }),
    tanhLayer,
  ])
}
