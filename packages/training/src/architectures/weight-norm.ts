import { powerStep, spectralNorm, type Tensor, type Tensor1D, type Tensor2D, tf } from '@kantor/engine'
import type { Context } from './layer.js'
import { type Parameter, plain } from './parameter.js'

/** What is done to a weight before it is used; its own parameters follow the weight. */
export interface WeightNorm {
  parameters(weight: Parameter): Parameter[]
  apply(weight: Parameter, context: Context): Tensor
}

/** The weight as it is. */
export const plainWeight: WeightNorm = {
  parameters: () => [],
  apply: (weight, { variable }) => variable(weight.name),
}

/**
 * W / σ(W) (Miyato et al. 2018): one power step per pass in train mode, as torch.nn.utils.spectral_norm does; the singular vector u is
 * kept in the checkpoint under PyTorch's name. Other modes look at σ and leave u where it is. Of a convolution it is the norm of its
 * filter as a matrix [height · width · in, out], which is not quite that of the map.
 */
export const spectralWeight: WeightNorm = {
  parameters: (weight) => [singularVector(weight)],
  apply(weight, { variable, batchNorm: mode }) {
    const w = variable(weight.name)
    const u = variable(singularVector(weight).name) as unknown as Tensor1D
    const matrix: Tensor2D = tf.reshape(w, [-1, w.shape.at(-1) as number])
    const vectors = powerStep(matrix, u)
    if (mode === 'train') variable(singularVector(weight).name).assign(vectors.u)
    return tf.div(w, spectralNorm(matrix, vectors))
  },
}

/** [out]: the last axis of our layout. It is not trained; its length does not matter, a power step looks at the direction. */
function singularVector({ name, layout }: Parameter): Parameter {
  const size = layout.shape.at(-1) as number
  return {
    name: `${name}_u`,
    torchShape: [size],
    layout: plain([size]),
    init: { kind: 'normal', mean: 0, deviation: 1 },
    role: 'running',
  }
}
