import { type Diagnostics, lossNames } from '@kantor/contracts'
import { criticFigures } from '../diagnostics/critic-look.js'
import { updateFigures } from '../diagnostics/update-sums.js'
import type { Game } from '../game.js'

/** [D(real), D(fake), …, D(G(z))] to one float32 per series, in the catalogue's order. */
export function curveValues(terms: Float32Array, criticWeights: readonly number[]): Float32Array {
  const [real, fake] = terms as unknown as [number, number]
  const values: Record<(typeof lossNames)[number], number> = {
    w_estimate: fake - real,
    // The penalty is part of what the critic minimises, not of the estimate.
    critic_loss: criticWeights.reduce((sum, weight, i) => sum + weight * (terms[i] as number), 0),
    gen_loss: terms[terms.length - 1] as number,
    critic_real: real,
    critic_fake: fake,
  }
  return Float32Array.from(lossNames, (name) => values[name])
}

/** What the looks at a critic and a generator step say; `gap` from `optimalityGap`. */
export function stepDiagnostics(
  game: Game,
  { critic, generator, gap }: { critic: Float32Array; generator: Float32Array; gap: number | undefined },
): Diagnostics {
  const { weightNorm, gradientNorm, ratio, cosine } = updateFigures(generator)
  return {
    ...criticFigures(game, critic),
    gen_gradient_norm: gradientNorm,
    gen_weight_norm: weightNorm,
    ...(ratio !== undefined && { gen_update_ratio: ratio }),
    ...(cosine !== undefined && { gen_update_cosine: cosine }),
    ...(gap !== undefined && { optimality_gap: gap }),
  }
}
