import { seriesNames } from '@kantor/contracts'

/** [D(real), D(fake), …, D(G(z))] to one float32 per series, in the catalogue's order. */
export function curveValues(terms: Float32Array, criticWeights: readonly number[]): Float32Array {
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
