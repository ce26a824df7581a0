import { type Tensor1D, type Tensor2D, type Tensor4D, tf, weightedGradients } from '@kantor/engine'
import type { Game } from '../game.js'

export interface CriticInputs {
  realNHWC: Tensor4D
  latentNZ: Tensor2D
  /** One per real image, where the objective interpolates. */
  factorsN?: Tensor1D | undefined
  /** The optimizer's scalars for this update. */
  coefficients: Tensor1D
}

/**
 * One critic update as the authors order it: clamp, real pass, fake pass (generator in train mode, no gradient), update.
 * Tensor code only, no read-back and no branch on data, so that it can be compiled.
 * @returns the objective's terms before the update; the first two are mean D(real) and mean D(fake).
 */
export function criticStep(game: Game, { realNHWC, latentNZ, factorsN, coefficients }: CriticInputs): Tensor1D {
  const { generator, critic, objective } = game
  return tf.tidy(() => {
    objective.beforeCriticUpdate?.(critic)
    const fakeNHWC = generator.forward(latentNZ, 'train') as Tensor4D
    const score = (images: Tensor4D) => critic.forward(images, 'train') as Tensor1D
    const { value, gradients } = weightedGradients(
      () => tf.stack(objective.criticTerms(score, { realNHWC, fakeNHWC, factorsN })) as Tensor1D,
      game.criticWeights,
      critic.trained.map(({ variable }) => variable),
    )
    critic.optimizer.update(gradients, coefficients)
    objective.afterCriticUpdate?.(critic)
    return value
  })
}
