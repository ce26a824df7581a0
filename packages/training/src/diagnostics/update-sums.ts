import { type Tensor, type Tensor1D, tf } from '@kantor/engine'
import type { Player } from '../player.js'

/** All of a network's trained weights as one vector. */
export const flatWeights = ({ trained }: Player): Tensor1D => flat(trained.map(({ variable }) => variable))

export const flat = (tensors: readonly Tensor[]): Tensor1D =>
  tf.concat(tensors.map((tensor) => tf.reshape(tensor, [-1]))) as Tensor1D

const sumOfProducts = (a: Tensor, b: Tensor): Tensor => tf.sum(tf.mul(a, b))

/** Of an update w → w + Δ on gradient g: Σw², ΣΔ², Σg², Σ Δ · g. */
export function updateSums(before: Tensor1D, after: Tensor1D, gradient: Tensor1D): Tensor[] {
  const update = tf.sub(after, before)
  return [
    sumOfProducts(before, before),
    sumOfProducts(update, update),
    sumOfProducts(gradient, gradient),
    sumOfProducts(update, gradient),
  ]
}

export interface UpdateFigures {
  weightNorm: number
  gradientNorm: number
  /** ‖Δ‖ / ‖w‖; absent for a network of zeros. */
  ratio: number | undefined
  /** cos(Δ, −g); absent when either is 0. */
  cosine: number | undefined
}

/** From `updateSums`. */
export function updateFigures(sums: ArrayLike<number>): UpdateFigures {
  const [weights, update, gradient, product] = Array.from(sums) as [number, number, number, number]
  const size = Math.sqrt(update) * Math.sqrt(gradient)
  return {
    weightNorm: Math.sqrt(weights),
    gradientNorm: Math.sqrt(gradient),
    ratio: weights === 0 ? undefined : Math.sqrt(update) / Math.sqrt(weights),
    cosine: size === 0 ? undefined : -product / size,
  }
}
