import { seedPair } from '@kantor/engine'

/** sfc32: small, fast, passes PractRand. Returns uint32 numbers. */
function sfc32(seed: readonly [number, number]): () => number {
  let [a, b, c, counter] = [seed[0], seed[1], 0x9e3779b9, 1]
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  return next
}

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
