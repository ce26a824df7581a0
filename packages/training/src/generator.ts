import type { JobSpec } from '@kantor/contracts'
import { createAdam, tf } from '@kantor/engine'
import { buildNetworks } from './architectures/index.js'
import { inTurn, oneHot } from './classes.js'
import type { BatchNormMode } from './architectures/layer.js'
import { chooseGenerator } from './checkpoint/chosen-generator.js'
import { loadWeights } from './checkpoint/weights.js'
import { drawLatents } from './latents.js'
import { toBytes } from './pixels.js'
import { createPlayer } from './player.js'

/** The generator of a checkpoint, to make images with. */
export interface OpenGenerator {
  spec: JobSpec
  weights: 'generator' | 'average'
  /**
   * uint8 NHWC images from latents of `seed`, in batches of the job's size: the statistics of `batch` are those of a training batch. Of a
   * conditional generator they are of `classes`, one per image, and of every class in turn where none are given.
   */
  images(
    count: number,
    options: { seed: number; batchNorm: Exclude<BatchNormMode, 'train'>; classes?: Int32Array | undefined },
  ): Uint8Array
  dispose(): void
}

/**
 * `average` is the running mean; left out, that where there is one.
 * @throws SafetensorsError when the file is damaged, CheckpointError when it is no checkpoint of this format, or holds no average.
 */
export function openGenerator(
  checkpoint: Uint8Array,
  channels: number,
  asked?: OpenGenerator['weights'],
): OpenGenerator {
  const { file, spec, weights, prefix } = chooseGenerator(checkpoint, asked)
  const { imageSize, latentSize } = spec.model
  const player = createPlayer(buildNetworks(spec.model, channels).generator, {
    seed: spec.seed,
    index: 0,
    // Nothing is trained here: no variables, no slots.
    createOptimizer: () => createAdam([], { learningRate: 0, beta1: 0, beta2: 0 }),
  })
  loadWeights(player, file, prefix)
  const imageBytes = imageSize * imageSize * channels
  return {
    spec,
    weights,
    images(count, { seed, batchNorm, classes }) {
      const numClasses = spec.model.classes
      const all = numClasses === undefined ? null : (classes ?? inTurn(count, numClasses))
      const made = new Uint8Array(count * imageBytes)
      for (let from = 0, batch = 0; from < count; from += spec.batchSize, batch++) {
        const values = tf.tidy(() => {
          const latentNZ = drawLatents({ count: spec.batchSize, latentSize }, seed, {
            stream: 'sampleLatent',
            step: batch,
          })
          // The last batch is filled up with its own beginning's classes: it is drawn whole, and cut.
          const rows = all && Array.from({ length: spec.batchSize }, (_, i) => all[(from + i) % count] as number)
          const classesNK = rows && tf.tensor2d(oneHot(rows, numClasses!), [spec.batchSize, numClasses!], 'float32')
          return player.forward(latentNZ, batchNorm, classesNK ? { classesNK } : {}).dataSync<'float32'>()
        })
        made.set(toBytes(values).subarray(0, (count - from) * imageBytes), from * imageBytes)
      }
      return made
    },
    dispose: () => player.dispose(),
  }
}
