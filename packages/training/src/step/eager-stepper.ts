import {
  imagesFromBytes,
  type Optimizer,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
  weightedGradients,
} from '@kantor/engine'
import type { Game } from '../game.js'
import { drawFactors, drawLatents } from '../latents.js'
import { criticStep } from './critic-step.js'
import { curveValues } from './curve-values.js'
import { generatorStep } from './generator-step.js'
import type { Stepper, StepperOptions, StepperSpec } from './stepper.js'

/** Runs op by op: the reference that compiled steps are held against. */
export function createEagerStepper(game: Game, spec: StepperSpec, { images }: StepperOptions): Stepper {
  const { latentSize, imageSize } = spec.model
  // Full size always: the authors' noise tensor is not resized for a smaller real batch.
  const latentShape = { count: spec.batchSize, latentSize }
  let lastTerms: Tensor1D | null = null
  return {
    critic(indices, criticStepsDone) {
      const terms = tf.tidy(() =>
        criticStep(game, {
          realNHWC: toTensor(images.read(indices), [indices.length, imageSize, imageSize, images.channels]),
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
    load: () => undefined,
    store: () => undefined,
    rehearse: () => fingerprint(game, spec, images.channels),
    dispose() {
      lastTerms?.dispose()
      lastTerms = null
    },
  }
}

const toTensor = (values: Uint8Array | Float32Array, shape: [number, number, number, number]): Tensor4D =>
  values instanceof Float32Array ? tf.tensor4d(values, shape) : imagesFromBytes(values, shape)

export const nextCoefficients = (optimizer: Optimizer): Tensor1D => tf.tensor1d(optimizer.coefficients(), 'float32')

/** The critic's loss and gradients on one fixed batch. */
function fingerprint(
  { generator, critic, objective, criticWeights }: Game,
  { model, batchSize, seed }: StepperSpec,
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
