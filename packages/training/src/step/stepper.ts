import { type CurvePoint, type JobSpec, seriesNames } from '@kantor/contracts'
import { imagesFromBytes, type Optimizer, type Tensor1D, type Tensor2D, tf } from '@kantor/engine'
import type { ImageSource } from '../events.js'
import type { Game } from '../game.js'
import { drawFactors, drawLatents } from '../latents.js'
import { criticStep } from './critic-step.js'
import { generatorStep } from './generator-step.js'

/** Feeds the steps: batches, latents and optimizer coefficients in, one curve point per generator step out. */
export interface Stepper {
  /** One critic update on the images with these indices. `criticStep` = critic steps done before. */
  critic(indices: Int32Array, criticStep: number): void
  /** One generator update. The only device sync of a generator step: five numbers. */
  generator(done: { step: number; criticStep: number }): CurvePoint
  dispose(): void
}

export function createStepper(
  game: Game,
  spec: Pick<JobSpec, 'model' | 'batchSize' | 'seed'>,
  images: ImageSource,
): Stepper {
  const { latentSize, imageSize } = spec.model
  // Full size always: the authors' noise tensor is not resized for a smaller real batch.
  const latentShape = { count: spec.batchSize, latentSize }
  let lastTerms: Tensor1D | null = null
  return {
    critic(indices, criticStepsDone) {
      const terms = tf.tidy(() =>
        criticStep(game, {
          realNHWC: imagesFromBytes(images.read(indices), [indices.length, imageSize, imageSize, images.channels]),
          latentNZ: drawLatents(latentShape, spec.seed, { stream: 'criticLatent', step: criticStepsDone }),
          factorsN: game.objective.interpolates ? drawFactors(indices.length, spec.seed, criticStepsDone) : undefined,
          coefficients: nextCoefficients(game.critic.optimizer),
        }),
      )
      game.critic.optimizer.steps += 1
      lastTerms?.dispose()
      lastTerms = terms
    },
    generator({ step, criticStep: criticStepsDone }) {
      const critic = lastTerms
      if (!critic) throw new Error('a generator step needs a critic step before it')
      const values = tf.tidy(() => {
        const latentNZ: Tensor2D = drawLatents(latentShape, spec.seed, { stream: 'generatorLatent', step })
        const coefficients = nextCoefficients(game.generator.optimizer)
        return tf.concat([critic, generatorStep(game, { latentNZ, coefficients })]).dataSync<'float32'>()
      })
      game.generator.optimizer.steps += 1
      critic.dispose()
      lastTerms = null
      return { step: step + 1, criticStep: criticStepsDone, values: curveValues(values, game.objective.criticWeights) }
    },
    dispose() {
      lastTerms?.dispose()
      lastTerms = null
    },
  }
}

export const nextCoefficients = (optimizer: Optimizer): Tensor1D => tf.tensor1d(optimizer.coefficients(), 'float32')

/** [D(real), D(fake), …, D(G(z))] to one float32 per series, in the catalogue's order. */
function curveValues(terms: Float32Array, criticWeights: readonly number[]): Float32Array {
  const [real, fake] = terms as unknown as [number, number]
  const values: Record<(typeof seriesNames)[number], number> = {
    w_estimate: fake - real,
    // The penalty is part of what the critic minimises, not of the estimate.
    critic_loss: criticWeights.reduce((sum, weight, i) => sum + weight * (terms[i] as number), 0),
    gen_loss: terms[terms.length - 1] as number,
    critic_real: real,
    critic_fake: fake,
  }
  return Float32Array.from(seriesNames, (name) => values[name])
}
