import type { Diagnostics } from '@kantor/contracts'
import { type Tensor, type Tensor1D, type Tensor4D, tf } from '@kantor/engine'
import type { Game } from '../game.js'
import type { Player } from '../player.js'
import { flat, flatWeights, updateFigures, updateSums } from './update-sums.js'

/** What a critic step had in hand. */
export interface CriticMoment {
  realNHWC: Tensor4D
  fakeNHWC: Tensor4D
  realScoresN: Tensor1D
  fakeScoresN: Tensor1D
  /** All trained weights, right before and right after the optimizer's update. */
  before: Tensor1D
  after: Tensor1D
  gradients: readonly Tensor[]
}

/** Beyond it a tanh has lost its slope. */
const SATURATED = 0.99

/**
 * A few sums over what the step computed anyway, [13]: its own numbers stay as they are to the bit. Called after the step's last
 * assignment, so that weights clamped after the update are seen clamped.
 */
export function criticLook(game: Game, moment: CriticMoment): Tensor1D {
  const { realNHWC, fakeNHWC, realScoresN, fakeScoresN, before, after, gradients } = moment
  const { critic, objective } = game
  const clamped = objective.beforeCriticUpdate ? before : flatWeights(critic)
  const [real, fake] = [channelMoments(realNHWC), channelMoments(fakeNHWC)]
  return tf.stack([
    variance(realScoresN),
    variance(fakeScoresN),
    shareOnBound(clamped, critic, objective.clamp, () => true),
    lowestShareOnBound(clamped, critic, objective.clamp),
    shareOnBound(clamped, critic, objective.clamp, isScale),
    lowestVariance(critic),
    tf.mean(tf.cast(tf.greater(tf.abs(fakeNHWC), SATURATED), 'float32')),
    tf.max(tf.abs(tf.sub(fake.mean, real.mean))),
    tf.min(tf.div(fake.variance, real.variance)),
    ...updateSums(before, after, flat(gradients)),
  ]) as Tensor1D
}

/** From `criticLook`; what the game does not have (a clip bound, batch norms) is left out. */
export function criticFigures({ critic, objective }: Game, look: ArrayLike<number>): Diagnostics {
  const [realVariance, fakeVariance, ...rest] = Array.from(look) as [number, number, ...number[]]
  const [clipped, leastClipped, clippedScales, minVariance, saturated, shift, varianceRatio, ...sums] = rest as [
    ...[number, number, number, number, number, number, number],
    ...number[],
  ]
  const { weightNorm, gradientNorm, ratio, cosine } = updateFigures(sums)
  const { clamp } = objective
  const clampsScales = clamp && critic.trained.some((weight) => isScale(weight) && clamp.holds(weight.parameter))
  return {
    real_sd: Math.sqrt(realVariance),
    fake_sd: Math.sqrt(fakeVariance),
    ...(clamp && { clipped_share: clipped, clipped_share_min: leastClipped }),
    ...(clampsScales && { clipped_scale_share: clippedScales }),
    ...(critic.weights.some(isVariance) && { min_variance: minVariance }),
    critic_gradient_norm: gradientNorm,
    critic_weight_norm: weightNorm,
    ...(ratio !== undefined && { critic_update_ratio: ratio }),
    ...(cosine !== undefined && { critic_update_cosine: cosine }),
    gen_saturated_share: saturated,
    gen_mean_shift: shift,
    gen_sd_ratio: Math.sqrt(varianceRatio),
  }
}

function variance(x: Tensor1D): Tensor {
  const centred = tf.sub(x, tf.mean(x))
  return tf.mean(tf.mul(centred, centred))
}

type Weight = Player['weights'][number]
const isScale = ({ parameter }: Weight): boolean =>
  parameter.role === 'batch-norm' && parameter.name.endsWith('.weight')
const isVariance = ({ parameter }: Weight): boolean => parameter.name.endsWith('.running_var')

type Clamp = Game['objective']['clamp']

/** Of the clamped weights that are asked for, the share at ±bound, where the clamp leaves those that were beyond. */
function shareOnBound(all: Tensor1D, critic: Player, clamp: Clamp, isAsked: (weight: Weight) => boolean): Tensor {
  const parts = clampedParts(all, critic, clamp, isAsked)
  if (!clamp || parts.length === 0) return tf.scalar(0)
  const held = parts.length === critic.trained.length ? all : tf.concat(parts)
  return onBound(held, clamp.bound)
}

/** The same of the layer that has the least: of its weight matrix, as a norm's few scales may well all be there. */
function lowestShareOnBound(all: Tensor1D, critic: Player, clamp: Clamp): Tensor {
  const parts = clampedParts(all, critic, clamp, ({ parameter }) => parameter.torchShape.length > 1)
  if (!clamp || parts.length === 0) return tf.scalar(0)
  return tf.min(tf.stack(parts.map((part) => onBound(part, clamp.bound))))
}

const onBound = (weights: Tensor, bound: number): Tensor =>
  tf.mean(tf.cast(tf.greaterEqual(tf.abs(weights), bound * (1 - 1e-6)), 'float32'))

function clampedParts(
  all: Tensor1D,
  { trained }: Player,
  clamp: Clamp,
  isAsked: (weight: Weight) => boolean,
): Tensor1D[] {
  const parts: Tensor1D[] = []
  let at = 0
  for (const weight of trained) {
    const { size } = weight.variable
    if (clamp?.holds(weight.parameter) && isAsked(weight)) parts.push(tf.slice(all, [at], [size]))
    at += size
  }
  return parts
}

function lowestVariance({ weights }: Player): Tensor {
  const running = weights.filter(isVariance)
  return running.length === 0 ? tf.scalar(0) : tf.min(flat(running.map(({ variable }) => variable)))
}

/** Mean and variance of every channel (the last axis), over all else. */
function channelMoments(x: Tensor): { mean: Tensor; variance: Tensor } {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis)
  const mean = tf.mean(x, axes)
  const centred = tf.sub(x, mean)
  // An even channel has none: as good as one, so that a ratio to it stays a number.
  return { mean, variance: tf.maximum(tf.mean(tf.mul(centred, centred), axes), 1e-12) }
}
