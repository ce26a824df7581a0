import { type Tensor1D, type Tensor2D, tf, weightedGradients } from '@kantor/engine'
import type { Game } from '../game.js'

export interface GeneratorInputs {
  latentNZ: Tensor2D
  coefficients: Tensor1D
}

/**
 * One generator update: minimise mean D(G(z)). The critic stays as it is, but its running statistics move on, since the
 * authors never leave train mode.
 * @returns [mean D(G(z))] before the update.
 */
export function generatorStep(game: Game, { latentNZ, coefficients }: GeneratorInputs): Tensor1D {
  const { generator, critic } = game
  return tf.tidy(() => {
    const { value, gradients } = weightedGradients(
      () => tf.reshape(tf.mean(critic.forward(generator.forward(latentNZ, 'train'), 'train')), [1]),
      game.generatorWeights,
      generator.trained.map(({ variable }) => variable),
    )
    generator.optimizer.update(gradients, coefficients)
    return value
  })
}
