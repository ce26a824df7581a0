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
  /**
   * Of the newest `window` values: their median, how many are not finite, or their median over that of as many values 500 earlier (`rise`) or
   * over that of another series (`ratio`: sizes, without signs).
   */
  of: 'median' | 'bad' | 'rise' | 'ratio'
  window: number
  /** What a `ratio` is over, and how many of its newest values. */
  over?: { signal: SeriesName; window: number }
  above?: number
  below?: number
  /** Generator steps before which it is not asked. */
  from: number
  /** Only of these. */
  objectives?: readonly ObjectiveKind[]
  /** Not where the learning rates fall: updates then shrink as they should. */
  unlessDecaying?: true
  reason: string
  suggestion: string
  source: string
}

const slower = 'lower the learning rates'
const moreCriticSteps =
  'raise schedule.criticSteps, or lower the generator’s learning rate; no momentum in the critic’s optimizer'
/** Those whose critic's estimate is one of a distance. */
const wasserstein = ['wgan-clip', 'wgan-gp', 'wgan-div'] as const

const notFinite = (signal: SeriesName): HealthRule => ({
  state: 'non-finite',
  signal,
  of: 'bad',
  window: 1,
  above: 0,
  from: 1,
  reason: `${signal} is not finite`,
  suggestion: `${slower}, or take wgan-gp`,
  source: 'a number that is lost is not found again',
})

/** By name; the first that holds names the state. */
const rules = {
  'estimate-not-finite': notFinite('w_estimate'),
  'generator-loss-not-finite': notFinite('gen_loss'),
  'critic-gradient-not-finite': notFinite('critic_gradient_norm'),
  'generator-gradient-not-finite': notFinite('gen_gradient_norm'),
  'estimate-doubled': {
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
  'generator-gradient-exploded': {
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
  'critic-update-as-large-as-weights': {
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
  'penalty-slope-exceeded': {
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
  'critic-climbs': {
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
  'critic-gradient-explodes-by-layer': {
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
  'scores-drown-estimate': {
    state: 'exploding',
    signal: 'critic_real',
    of: 'ratio',
    window: 101,
    over: { signal: 'w_estimate', window: 101 },
    above: 1e4,
    from: 200,
    reason:
      'scores are ten thousand times the estimate, which is their difference: float32 has three digits left for it',
    suggestion: 'set objective.drift of wgan-gp, which holds scores near 0, or lower the critic’s learning rate',
    source: 'float32 keeps seven digits; the drift term: Karras et al. 2018',
  },
  'samples-alike': {
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
  'samples-repeated': {
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
  'images-even': {
    state: 'collapsed',
    signal: 'gen_sd_ratio',
    of: 'median',
    window: 101,
    below: 0.1,
    from: 1000,
    reason:
      'a channel of the generated images is nearly even: it varies by less than a tenth of what it does in real ones',
    suggestion: `fork from a checkpoint of before; ${moreCriticSteps}`,
    source: 'ours',
  },
  'critic-knows-images': {
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
  'weights-on-bound': {
    state: 'saturated',
    signal: 'clipped_share_min',
    of: 'median',
    window: 101,
    above: 0.95,
    from: 500,
    objectives: ['wgan-clip'],
    reason: 'in every layer nearly all of the critic’s weights lie on the clip bound: it can tell no more than signs',
    suggestion: 'raise objective.clip, or take wgan-gp',
    source: 'Gulrajani et al. 2017, Fig. 1b',
  },
  'critic-flat': {
    state: 'saturated',
    signal: 'slope_real',
    of: 'median',
    window: 3,
    below: 1e-6,
    from: 500,
    objectives: wasserstein,
    reason: 'the critic is flat: it has no slope for the generator to follow',
    suggestion: 'raise objective.clip, or take wgan-gp',
    source: 'Arjovsky et al. 2017, section 3: a small c makes gradients vanish',
  },
  'critic-gradient-vanishes-by-layer': {
    state: 'saturated',
    signal: 'layer_slope',
    of: 'median',
    window: 3,
    above: 1,
    from: 300,
    reason: 'the critic’s gradient shrinks tenfold and more per layer on its way down',
    suggestion: 'raise objective.clip, or take wgan-gp',
    source: 'Gulrajani et al. 2017, Fig. 1b',
  },
  'critic-channel-dead': {
    state: 'saturated',
    signal: 'min_variance',
    of: 'median',
    window: 101,
    below: 1e-9,
    from: 300,
    reason:
      'a channel of the critic’s batch norm is the same for all images: what comes after it learns nothing from it',
    suggestion: 'raise objective.clip, lower the critic’s learning rate, or take a critic without batch norm',
    source: 'ours; clipped critics that fare well go down to 1e-6',
  },
  'generator-gradient-vanished': {
    state: 'saturated',
    signal: 'gen_gradient_norm',
    of: 'rise',
    window: 101,
    below: 1e-4,
    from: 700,
    reason: 'the generator’s gradient is a ten-thousandth of what it was 500 steps ago',
    suggestion: 'raise objective.clip, or take wgan-gp; fork from a checkpoint of before',
    source: 'Arjovsky and Bottou 2017: what a critic without slope leaves of it',
  },
  'images-black-and-white': {
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
  'estimate-negative': {
    state: 'lagging',
    signal: 'w_estimate',
    of: 'median',
    window: 101,
    below: 0,
    from: 150,
    objectives: wasserstein,
    reason: 'the estimate is below 0: a critic that answered 0 would do better',
    suggestion: moreCriticSteps,
    source: 'WassersteinGAN#14: “should never be negative”',
  },
  'burst-helps': {
    state: 'lagging',
    signal: 'optimality_gap',
    of: 'median',
    window: 1,
    above: 0.3,
    from: 400,
    objectives: wasserstein,
    reason:
      'a burst of critic steps raised the estimate by nearly a half: between bursts the critic is far from its best',
    suggestion: moreCriticSteps,
    source: 'Arjovsky et al. 2017, section 3: train the critic to optimality',
  },
  'critic-hardly-moves': {
    state: 'lagging',
    signal: 'critic_update_ratio',
    of: 'median',
    window: 101,
    below: 1e-6,
    from: 200,
    reason: 'each update moves the critic’s weights by less than a millionth of their norm',
    unlessDecaying: true,
    suggestion: 'raise optimizer.criticLearningRate',
    source: 'ours',
  },
  'clip-bound-not-met': {
    state: 'lagging',
    signal: 'clipped_share',
    of: 'median',
    window: 101,
    below: 0.02,
    from: 1000,
    objectives: ['wgan-clip'],
    reason:
      'hardly any of the critic’s weights has come to the clip bound: nothing limits its slope yet, nor its scale',
    suggestion: 'lower objective.clip, or raise optimizer.criticLearningRate',
    source: 'ours; clipped critics that fare well have an eighth of their weights there, and more',
  },
  'estimate-is-noise': {
    state: 'lagging',
    signal: 'w_estimate',
    of: 'ratio',
    window: 101,
    over: { signal: 'w_floor', window: 9 },
    below: 2,
    from: 1000,
    objectives: [...wasserstein, 'wgan-sn'],
    reason: 'the estimate is no more than twice what the critic finds between two real batches: it is noise',
    suggestion: `${moreCriticSteps}; larger batches. Where samples are good, the run has come as far as this critic can tell`,
    source: 'the floor of every metric: real against real',
  },
} satisfies Record<string, HealthRule>

export type HealthRuleName = keyof typeof rules
export const healthRules: Readonly<Record<HealthRuleName, HealthRule>> = rules
