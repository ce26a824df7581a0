// What a run measures beside its losses. Every name is a series of the curve; a step at which nothing was measured has no value there.

/**
 * At every generator step, from its last critic step (and the generator's own update): sums over numbers that the step has anyway.
 * f = −D. Norms and shares are over all weights of a network.
 */
const everyStep = {
  real_sd: 'standard deviation of the critic’s scores on the real batch',
  fake_sd: 'standard deviation of the critic’s scores on the fake batch',
  clipped_share: 'wgan-clip: share of the critic’s weights on the clip bound, right after the clamp',
  clipped_share_min: 'the same of the layer of which the fewest weights are there',
  clipped_scale_share: 'wgan-clip: share of the critic’s batch-norm scales on the clip bound, right after the clamp',
  min_variance: 'lowest running variance in the critic’s batch norms: near 0 is a dead channel',
  critic_gradient_norm: 'norm of the critic’s gradient',
  critic_weight_norm: 'norm of the critic’s weights before the update',
  critic_update_ratio: 'norm of the critic’s update over that of its weights',
  critic_update_cosine: 'cosine between the critic’s update and its negative gradient: below 0 the optimizer climbs',
  gen_gradient_norm: 'norm of the generator’s gradient',
  gen_weight_norm: 'norm of the generator’s weights before the update',
  gen_update_ratio: 'norm of the generator’s update over that of its weights',
  gen_update_cosine: 'cosine between the generator’s update and its negative gradient',
  gen_saturated_share: 'share of the generated numbers beyond ±0.99',
  gen_mean_shift:
    'largest difference of a channel’s mean between the fake and the real batch, in the images’ scale of −1 to 1',
  gen_sd_ratio: 'lowest ratio of a channel’s standard deviation, fake batch to real batch',
} as const

/** Every so many generator steps, by looks at the networks that move nothing. */
const nowAndThen = {
  optimality_gap:
    'in a burst of critic steps: 1 − mean estimate of its first steps / mean of its last; near 0 the critic was close to its best',
  slope_real: 'mean ‖∇f‖ at real images (every 50 steps)',
  slope_fake: 'mean ‖∇f‖ at generated images (every 50 steps)',
  slope_between:
    'mean ‖∇f‖ at points between real and generated images, where a gradient penalty pulls it to 1 (every 50 steps)',
  slope_max: 'largest ‖∇f‖ at any of these (every 50 steps)',
  layer_slope:
    'decades by which the gradient’s norm grows per layer towards the critic’s output: far above 0 it vanishes on its way down, far below it explodes (every 100 steps)',
  lipschitz_bound:
    'product of the layers’ largest singular values, which no slope of the critic exceeds; of critics without batch or layer norm (every 100 steps)',
  w_floor: 'the estimate between two real batches, which should be 0 (every 100 steps)',
  overfit_gap: 'with heldOut: (f(trained images) − f(held-out images)) / estimate (every 100 steps)',
  diversity: 'mean distance between two samples over that between two real images, 16 × 16 grey (at samples)',
  near_duplicates: 'share of pairs of samples that are closer than 99 % of pairs of real images (at samples)',
} as const

/** Of the machine: the only series that a repeated run does not repeat. */
export const runtimeCatalogue = {
  step_ms: 'milliseconds that the generator step took, with its critic steps',
  images_per_second: 'real images that were read per second in this step',
  tensors: 'tensors that the trainer holds (every 50 steps): growth is a leak',
} as const

export const everyStepNames = Object.keys(everyStep)
export const diagnosticCatalogue = { ...everyStep, ...nowAndThen, ...runtimeCatalogue }
export type DiagnosticName = keyof typeof diagnosticCatalogue

/** What was measured at a step. */
export type Diagnostics = Partial<Record<DiagnosticName, number>>
