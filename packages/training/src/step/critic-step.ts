import { type Tensor1D, type Tensor2D, type Tensor4D, tf, weightedGradients } from '@kantor/engine'
import { criticLook } from '../diagnostics/critic-look.js'
import { flatWeights } from '../diagnostics/update-sums.js'
import type { Game } from '../game.js'

export interface CriticInputs {
  realNHWC: Tensor4D
  latentNZ: Tensor2D
  /** One per real image, where the objective interpolates. */
  factorsN?: Tensor1D | undefined
  /** Of the generated images, one-hot; those of the real ones come first. Where the networks are conditional. */
  classesNK?: Tensor2D | undefined
  /** The optimizer's scalars for this update. */
  coefficients: Tensor1D
}

/**
 * One critic update as the authors order it: clamp, real pass, fake pass (generator in train mode, no gradient), update.
 * Tensor code only, no read-back and no branch on data, so that it can be compiled.
 * @returns the objective's terms before the update; the first two are mean D(real) and mean D(fake).
 */
export const criticStep = (game: Game, inputs: CriticInputs): Tensor1D => play(game, inputs, false)[0] as Tensor1D

/** The same update, looked at: `look` is what `criticFigures` reads. */
export function watchedCriticStep(game: Game, inputs: CriticInputs): { terms: Tensor1D; look: Tensor1D } {
  const [terms, look] = play(game, inputs, true)
  return { terms: terms as Tensor1D, look: look as Tensor1D }
}

function play(game: Game, inputs: CriticInputs, watched: boolean): Tensor1D[] {
  const { realNHWC, latentNZ, factorsN, classesNK, coefficients } = inputs
  const { generator, critic, objective } = game
  return tf.tidy(() => {
    objective.beforeCriticUpdate?.(critic)
    const fakeNHWC = generator.forward(latentNZ, 'train', { classesNK }) as Tensor4D
    // Real, then fake; a penalty scores again. Kept, as the gradient's own tidy would free them.
    const scores: Tensor1D[] = []
    const score = (images: Tensor4D) => {
      const scoresN = critic.forward(images, 'train', { classesNK: firstRows(classesNK, images.shape[0]) }) as Tensor1D
      if (watched && scores.length < 2) scores.push(tf.keep(scoresN))
      return scoresN
    }
    const { value, gradients } = weightedGradients(
      () => tf.stack(objective.criticTerms(score, { realNHWC, fakeNHWC, factorsN })) as Tensor1D,
      game.criticWeights,
      critic.trained.map(({ variable }) => variable),
    )
    const before = watched ? flatWeights(critic) : null
    critic.optimizer.update(gradients, coefficients)
    const after = watched ? flatWeights(critic) : null
    objective.afterCriticUpdate?.(critic)
    if (!before || !after) return [value]
    const [realScoresN, fakeScoresN] = scores as [Tensor1D, Tensor1D]
    const look = criticLook(game, { realNHWC, fakeNHWC, realScoresN, fakeScoresN, before, after, gradients })
    tf.dispose(scores)
    return [value, look]
  })
}

/** Images of the data, generated ones and those between them are counted from the same first pair. */
const firstRows = (classesNK: Tensor2D | undefined, count: number): Tensor2D | undefined =>
  classesNK && classesNK.shape[0] > count ? tf.slice(classesNK, [0, 0], [count, classesNK.shape[1]]) : classesNK
