import { type Tensor1D, type Tensor2D, tf, weightedGradients } from '@kantor/engine'
import { flat, flatWeights, updateSums } from '../diagnostics/update-sums.js'
import type { Game } from '../game.js'

export interface GeneratorInputs {
  latentNZ: Tensor2D
  /** One-hot, where the networks are conditional. */
  classesNK?: Tensor2D | undefined
  coefficients: Tensor1D
}

/**
 * One generator update on the objective's term; for a WGAN that is mean D(G(z)). The critic stays as it is, but its running statistics move on, since the
 * authors never leave train mode.
 * @returns [that term] before the update.
 */
export const generatorStep = (game: Game, inputs: GeneratorInputs): Tensor1D => play(game, inputs, false)[0] as Tensor1D

/** The same update, looked at: `look` is what `updateFigures` reads. */
export function watchedGeneratorStep(game: Game, inputs: GeneratorInputs): { terms: Tensor1D; look: Tensor1D } {
  const [terms, look] = play(game, inputs, true)
  return { terms: terms as Tensor1D, look: look as Tensor1D }
}

function play(game: Game, { latentNZ, classesNK, coefficients }: GeneratorInputs, watched: boolean): Tensor1D[] {
  const { generator, critic, average, objective } = game
  return tf.tidy(() => {
    const { value, gradients } = weightedGradients(
      () => {
        const imagesNHWC = generator.forward(latentNZ, 'train', { classesNK })
        const scoresN = critic.forward(imagesNHWC, 'train', { classesNK }) as Tensor1D
        return tf.reshape(objective.generatorTerm(scoresN), [1])
      },
      game.generatorWeights,
      generator.trained.map(({ variable }) => variable),
    )
    const before = watched ? flatWeights(generator) : null
    generator.optimizer.update(gradients, coefficients)
    average?.follow()
    if (!before) return [value]
    return [value, tf.stack(updateSums(before, flatWeights(generator), flat(gradients))) as Tensor1D]
  })
}
