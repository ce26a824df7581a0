// How a critic is doing, and by which rules that is judged. The rules are data: training evaluates them, people read them.
import { z } from 'zod'
import type { SeriesName } from './curve.js'
import type { ObjectiveKind } from './objectives.js'

export const HealthState = z
  .enum(['warming', 'tracking', 'lagging', 'saturated', 'overfit', 'collapsed', 'exploding', 'non-finite'])
  .meta({ id: 'HealthState' })
export type HealthState = z.infer<typeof HealthState>

/** States in which something is wrong. */
export const Trouble = HealthState.exclude(['warming', 'tracking'])
export type Trouble = z.infer<typeof Trouble>

export const CriticHealth = z
  .object({
    state: HealthState,
    /** What was seen, for people. */
    reason: z.string(),
    /** What can be done about it; null while nothing is wrong. */
    suggestion: z.string().nullable(),
    /** The generator step at which it was seen first. */
    sinceStep: z.int(),
  })
  .meta({ id: 'CriticHealth' })
export type CriticHealth = z.infer<typeof CriticHealth>

/** Between the two medians of a `rise`, in values. */
export const RISE_OVER = 500

export interface HealthRule {
  state: Trouble
  signal: SeriesName
  /** Of the newest `window` values: their median, how many are not finite, or their median over that of as many values 500 earlier. */
  of: 'median' | 'bad' | 'rise'
  window: number
  above?: number
  below?: number
  /** Generator steps before which it is not asked. */
  from: number
  /** Only of these. */
  objectives?: readonly ObjectiveKind[]
  reason: string
  suggestion: string
  source: string
}

const slower = 'lower the learning rates'
const moreCriticSteps =
  'raise schedule.criticSteps, or lower the generator’s learning rate; no momentum in the critic’s optimizer'

/** The first that holds names the state. */
export const healthRules: readonly HealthRule[] = [
  ...(['w_estimate', 'gen_loss', 'critic_gradient_norm', 'gen_gradient_norm'] as const).map((signal): HealthRule => ({
    state: 'non-finite',
    signal,
    of: 'bad',
    window: 1,
    above: 0,
    from: 1,
    reason: `${signal} is not finite`,
    suggestion: `${slower}, or take wgan-gp`,
    source: 'a number that is lost is not found again',
  })),
  {
    state: 'exploding',
    signal: 'w_estimate',
    of: 'rise',
    window: 101,
    above: 2,
    from: 1500,
    reason: 'the estimate has doubled within 500 steps',
    suggestion: `${slower}; a sudden jump means that the critic lost what it knew`,
    source: 'WassersteinGAN#2',
  },
  {
    state: 'exploding',
    signal: 'gen_gradient_norm',
    of: 'rise',
    window: 101,
    above: 100,
    from: 700,
    reason: 'the generator’s gradient is a hundred times what it was 500 steps ago',
    suggestion: slower,
    source: 'ours',
  },
  {
    state: 'exploding',
    signal: 'critic_update_ratio',
    of: 'median',
    window: 101,
    above: 0.1,
    from: 200,
    reason: 'each update moves the critic’s weights by more than a tenth of their norm',
    suggestion: 'lower optimizer.criticLearningRate',
    source: 'ours',
  },
  {
    state: 'exploding',
    signal: 'slope_between',
    of: 'median',
    window: 3,
    above: 3,
    from: 500,
    objectives: ['wgan-gp'],
    reason: 'the gradient penalty does not hold the slope: it is above 3 between real and generated images',
    suggestion: 'lower the critic’s learning rate, or raise objective.lambda',
    source: 'Gulrajani et al. 2017: the slope’s target is 1',
  },
  {
    state: 'exploding',
    signal: 'critic_update_cosine',
    of: 'median',
    window: 101,
    below: 0,
    from: 200,
    reason: 'the critic’s optimizer moves against the gradient',
    suggestion: 'take rmsprop, or adam with beta1 0',
    source: 'Arjovsky et al. 2017, section 4.2',
  },
  {
    state: 'exploding',
    signal: 'layer_slope',
    of: 'median',
    window: 3,
    below: -1,
    from: 300,
    reason: 'the critic’s gradient grows tenfold and more per layer on its way down',
    suggestion: 'lower objective.clip, or take wgan-gp',
    source: 'Gulrajani et al. 2017, Fig. 1b',
  },
  {
    state: 'collapsed',
    signal: 'diversity',
    of: 'median',
    window: 3,
    below: 0.6,
    from: 1000,
    reason: 'samples differ from one another by less than six tenths of what real images do',
    suggestion: `fork from a checkpoint of before; ${moreCriticSteps}`,
    source: 'the critic to optimality prevents collapse: Arjovsky et al. 2017, section 3',
  },
  {
    state: 'collapsed',
    signal: 'near_duplicates',
    of: 'median',
    window: 3,
    above: 0.1,
    from: 1000,
    reason: 'a tenth of the pairs of samples are closer than 99 % of pairs of real images',
    suggestion: `fork from a checkpoint of before; ${moreCriticSteps}`,
    source: 'the birthday test: Arora and Zhang 2018',
  },
  {
    state: 'overfit',
    signal: 'overfit_gap',
    of: 'median',
    window: 5,
    above: 0.3,
    from: 500,
    reason: 'the critic scores its training images apart from held-out ones',
    suggestion: 'more images, a smaller critic, or an earlier checkpoint',
    source: 'Gulrajani et al. 2017, Fig. 5b',
  },
  {
    state: 'saturated',
    signal: 'clipped_share',
    of: 'median',
    window: 101,
    above: 0.95,
    from: 500,
    objectives: ['wgan-clip'],
    reason: 'nearly every critic weight lies on the clip bound: it can tell no more than signs',
    suggestion: 'raise objective.clip, or take wgan-gp',
    source: 'Gulrajani et al. 2017, Fig. 1b',
  },
  {
    state: 'saturated',
    signal: 'slope_real',
    of: 'median',
    window: 3,
    below: 1e-6,
    from: 500,
    objectives: ['wgan-clip', 'wgan-gp', 'wgan-div'],
    reason: 'the critic is flat: it has no slope for the generator to follow',
    suggestion: 'raise objective.clip, or take wgan-gp',
    source: 'Arjovsky et al. 2017, section 3: a small c makes gradients vanish',
  },
  {
    state: 'saturated',
    signal: 'gen_saturated_share',
    of: 'median',
    window: 101,
    above: 0.98,
    from: 500,
    reason: 'nearly all of what the generator makes is black or white: its tanh has no slope left',
    suggestion: 'lower optimizer.generatorLearningRate',
    source: 'ours',
  },
  {
    state: 'lagging',
    signal: 'w_estimate',
    of: 'median',
    window: 101,
    below: 0,
    from: 150,
    objectives: ['wgan-clip', 'wgan-gp', 'wgan-div'],
    reason: 'the estimate is below 0: a critic that answered 0 would do better',
    suggestion: moreCriticSteps,
    source: 'WassersteinGAN#14: “should never be negative”',
  },
  {
    state: 'lagging',
    signal: 'optimality_gap',
    of: 'median',
    window: 1,
    above: 0.3,
    from: 400,
    objectives: ['wgan-clip', 'wgan-gp', 'wgan-div'],
    reason:
      'a burst of critic steps raised the estimate by nearly a half: between bursts the critic is far from its best',
    suggestion: moreCriticSteps,
    source: 'Arjovsky et al. 2017, section 3: train the critic to optimality',
  },
]
