import { type Tensor1D, type Tensor2D, tf, weightedGradients } from '@kantor/engine'
import type { Game } from '../game.js'

export interface GeneratorInputs {
  latentNZ: Tensor2D
  coefficients: Tensor1D
}

/**
 * One generator update on the objective's term; for a WGAN that is mean D(G(z)). The critic stays as it is, but its running statistics move on, since the
 * authors never leave train mode.
 * @returns [that term] before the update.
 */
export function generatorStep(game: Game, { latentNZ, coefficients }: GeneratorInputs): Tensor1D {
  const { generator, critic, objective } = game
  return tf.tidy(() => {
    const { value, gradients } = weightedGradients(
      () => {
        const scoresN = critic.forward(generator.forward(latentNZ, 'train'), 'train') as Tensor1D
        return tf.reshape(objective.generatorTerm(scoresN), [1])
      },
      game.generatorWeights,
      generator.trained.map(({ variable }) => variable),
    )
    generator.optimizer.update(gradients, coefficients)
    return value
  })
}
