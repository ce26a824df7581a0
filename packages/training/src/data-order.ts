import { seedPair } from '@kantor/engine'
import { sfc32 } from './sfc32.js'

/** The order in which an epoch shows the images: a permutation that depends on (seed, epoch) alone. */
export function epochOrder(numImages: number, seed: number, epoch: number): Int32Array {
  const next = sfc32(seedPair(seed, 'dataOrder', epoch))
  const below = (n: number): number => {
    // Rejection keeps the draw exactly uniform: 2³² is no multiple of n.
    const limit = 2 ** 32 - (2 ** 32 % n)
    let draw = next()
    while (draw >= limit) draw = next()
    return draw % n
  }
  const order = Int32Array.from({ length: numImages }, (_, i) => i)
  for (let i = numImages - 1; i > 0; i--) {
    const j = below(i + 1)
    const swapped = order[i] as number
    order[i] = order[j] as number
    order[j] = swapped
  }
  return order
}

/** Batches of an epoch, the smaller tail included (the authors' loader has drop_last=False). */
export const batchesPerEpoch = (numImages: number, batchSize: number): number => Math.ceil(numImages / batchSize)
