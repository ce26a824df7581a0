import type { JobSpec } from '@kantor/contracts'
import { loadTensorFlow, type Tensor2D, tf } from '@kantor/engine'
import { buildNetworks } from './architectures/index.js'
import { inTurn, oneHot } from './classes.js'
import { chooseGenerator } from './checkpoint/chosen-generator.js'
import { loadWeights } from './checkpoint/weights.js'
import { drawLatents } from './latents.js'

/** A generator to draw from, out of a checkpoint. */
export interface Drawing {
  /** Of the job that the checkpoint is of. */
  spec: JobSpec
  latentSize: number
  imageSize: number
  channels: number
  weights: 'generator' | 'average'
  /** Of a conditional generator, how many there are. */
  classes: number | undefined
  /** The latent of a seed, z ~ N(0, 1): the first one of the sample grids of a job with this seed. */
  latentOf(seed: number): Float32Array
  /**
   * Images [n, height, width, channels] for latents [n, latentSize], as the generator gives them: in [−1, 1] with a tanh at its end. With
   * `batch` an image depends on the others of its call. A conditional generator takes a class per latent, and without them every class in turn.
   */
  draw(latents: Float32Array, batchNorm: 'batch' | 'running', classes?: Int32Array): Float32Array
  dispose(): void
}

/**
 * Loads the generator alone. `average` is its running mean; left out, that where there is one.
 * @throws SafetensorsError when the file is damaged, CheckpointError when it is no checkpoint or holds no average.
 */
export async function openDrawing(bytes: Uint8Array, asked?: 'generator' | 'average'): Promise<Drawing> {
  await loadTensorFlow()
  const { file, spec, channels, weights, prefix } = chooseGenerator(bytes, asked)
  const { latentSize, imageSize, classes: numClasses } = spec.model
  const { generator } = buildNetworks(spec.model, channels)
  const loaded = generator.parameters.map((parameter) => ({
    parameter,
    variable: tf.tidy(() => tf.variable(tf.zeros([...parameter.layout.shape]), false)),
  }))
  loadWeights({ weights: loaded }, file, prefix)
  const byName = new Map(loaded.map(({ parameter, variable }) => [parameter.name, variable]))
  return {
    spec,
    latentSize,
    imageSize,
    channels,
    weights,
    classes: numClasses,
    latentOf: (seed) =>
      tf.tidy(() => drawLatents({ count: 1, latentSize }, seed, { stream: 'sampleLatent' }).dataSync<'float32'>()),
    draw: (latents, batchNorm, classes) =>
      tf.tidy(() => {
        const count = latents.length / latentSize
        const latentNZ: Tensor2D = tf.tensor2d(latents, [count, latentSize], 'float32')
        const classesNK: Tensor2D | undefined =
          numClasses === undefined
            ? undefined
            : tf.tensor2d(oneHot(classes ?? inTurn(count, numClasses), numClasses), [count, numClasses], 'float32')
        const context = { variable: (name: string) => byName.get(name)!, batchNorm, classesNK }
        return generator.apply(latentNZ, context).dataSync<'float32'>()
      }),
    dispose: () => tf.dispose(loaded.map(({ variable }) => variable)),
  }
}
