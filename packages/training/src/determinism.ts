import type { JobSpec } from '@kantor/contracts'
import { type Tensor1D, type Tensor4D, tf, weightedGradients } from '@kantor/engine'
import type { Game } from './game.js'
import { drawFactors, drawLatents } from './latents.js'

const ROUNDS = 2

/** Self-test: the critic's loss and gradients on one fixed batch, computed twice, agree to the last bit. */
export function isDeterministic(
  game: Game,
  spec: Pick<JobSpec, 'model' | 'batchSize' | 'seed'>,
  channels: number,
): boolean {
  const [first, ...others] = Array.from({ length: ROUNDS }, () => fingerprint(game, spec, channels))
  return others.every((other) => first !== undefined && Buffer.compare(other, first) === 0)
}

function fingerprint(
  { generator, critic, objective, criticWeights }: Game,
  { model, batchSize, seed }: Pick<JobSpec, 'model' | 'batchSize' | 'seed'>,
  channels: number,
): Buffer {
  return tf.tidy(() => {
    const latentNZ = drawLatents({ count: batchSize, latentSize: model.latentSize }, seed, { stream: 'sampleLatent' })
    const imagesNHWC = generator.forward(latentNZ, 'batch') as Tensor4D
    const realNHWC: Tensor4D = tf.reshape(tf.reverse(imagesNHWC, 1), [
      batchSize,
      model.imageSize,
      model.imageSize,
      channels,
    ])
    const batch = { realNHWC, fakeNHWC: imagesNHWC, factorsN: drawFactors(batchSize, seed, 0) }
    const score = (images: Tensor4D) => critic.forward(images, 'batch') as Tensor1D
    const { value, gradients } = weightedGradients(
      () => tf.stack(objective.criticTerms(score, batch)) as Tensor1D,
      criticWeights,
      critic.trained.map(({ variable }) => variable),
    )
    const parts = [value, ...gradients].map((tensor) => tensor.dataSync<'float32'>())
    return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)))
  })
}
