// Of weight clipping: rules of the box and of what moves in it.
import { AUTHORS, type Facts, rounded, type Rule, WGAN, WGAN_GP } from './rule.js'

const AUTHORS_CLIP = 0.01
const AUTHORS_RATE = 5e-5
/** Gradients of an MLP critic beyond these have vanished, or explode. */
const SLOPES = { least: 1e-3, most: 1e3 }
const LINEAR_LAYERS = 4

const clipOf = ({ objective }: Facts['spec']): number | null => (objective.kind === 'wgan-clip' ? objective.clip : null)

/**
 * Slope of an MLP critic whose weights fill the box: at most √d · c · (c n)^(L − 1), and with half of the ReLUs active
 * 2^(L − 1) times less, which is what trained ones were seen to have within a factor of two (widths 64 to 512).
 */
function mlpSlope({ spec, dataset }: Facts, clip: number): number {
  const pixels = dataset.channels * spec.model.imageSize ** 2
  return Math.sqrt(pixels) * clip * ((clip * spec.model.criticFilters) / 2) ** (LINEAR_LAYERS - 1)
}

/** The clip at which it is 0.1. */
function clipForSlope({ spec, dataset }: Facts): number {
  const pixels = dataset.channels * spec.model.imageSize ** 2
  const perClip = Math.sqrt(pixels) * (spec.model.criticFilters / 2) ** (LINEAR_LAYERS - 1)
  return rounded((0.1 / perClip) ** (1 / LINEAR_LAYERS))
}

const slopeOf = (facts: Facts): number | null => {
  const clip = clipOf(facts.spec)
  return clip !== null && facts.spec.model.critic === 'mlp' ? mlpSlope(facts, clip) : null
}

export const clippingRules: Rule[] = [
  {
    code: 'adam-with-clipping',
    pointer: '/spec/optimizer/beta1',
    citation: `${WGAN}, section 4.2`,
    fires: ({ spec }) => clipOf(spec) !== null && spec.optimizer.kind === 'adam' && spec.optimizer.beta1 > 0,
    message: 'momentum makes a clipped critic unstable at times; the authors use rmsprop, or set beta1 to 0',
    suggestion: { optimizer: { kind: 'rmsprop', beta1: null, beta2: null } },
  },
  {
    code: 'high-critic-rate',
    pointer: '/spec/optimizer/criticLearningRate',
    citation: `${AUTHORS}/issues/2`,
    fires: ({ spec }) => clipOf(spec) !== null && spec.optimizer.criticLearningRate >= 5e-4,
    message: 'with weight clipping, critic rates of 5e-4 and more are known to lose the estimate; the authors use 5e-5',
    suggestion: { optimizer: { criticLearningRate: AUTHORS_RATE } },
  },
  {
    code: 'high-generator-rate',
    pointer: '/spec/optimizer/generatorLearningRate',
    citation: `${AUTHORS}/issues/2`,
    fires: ({ spec }) => clipOf(spec) !== null && spec.optimizer.generatorLearningRate >= 5e-4,
    message: 'a generator this quick runs away from a clipped critic; the authors use 5e-5',
    suggestion: { optimizer: { generatorLearningRate: AUTHORS_RATE } },
  },
  {
    code: 'box-out-of-reach',
    pointer: '/spec/optimizer/criticLearningRate',
    citation: `${WGAN}, section 3: a large box takes long to fill`,
    fires: ({ spec, plan }) => {
      const clip = clipOf(spec)
      const { criticLearningRate: rate } = spec.optimizer
      return clip !== null && plan.criticSteps !== null && rate < AUTHORS_RATE && (2 * clip) / rate > plan.criticSteps
    },
    message: ({ spec, plan }) =>
      `a weight moves by about the learning rate per step, so ${plan.criticSteps} critic steps cannot take one across the box of ±${clipOf(spec)}`,
    suggestion: { optimizer: { criticLearningRate: AUTHORS_RATE } },
  },
  {
    code: 'free-batch-norm',
    pointer: '/spec/objective/clipBatchNorm',
    citation: `${AUTHORS}/issues/18`,
    fires: ({ spec }) =>
      spec.objective.kind === 'wgan-clip' && spec.model.critic === 'dcgan' && !spec.objective.clipBatchNorm,
    message:
      'batch-norm scales outside the clip box let the critic grow: estimates come out tens of times larger and do not compare with clipped runs',
    suggestion: { objective: { clipBatchNorm: true } },
  },
  {
    code: 'clip-without-norm',
    pointer: '/spec/model/critic',
    citation: `${AUTHORS}/pull/6`,
    fires: ({ spec }) => clipOf(spec) !== null && spec.model.critic === 'dcgan-nobn',
    message:
      'without batch norm a clipped pyramid is not held to any scale: at 64 × 64 its estimate was 2 000 times that of the authors’ critic after 200 steps',
    suggestion: { model: { critic: 'dcgan' } },
  },
  {
    code: 'clip-too-small',
    pointer: '/spec/objective/clip',
    citation: `${WGAN}, section 3; ${WGAN_GP}, Fig. 1b`,
    fires: ({ spec }) => spec.model.critic !== 'mlp' && (clipOf(spec) ?? AUTHORS_CLIP) < 1e-3,
    message: 'gradients shrink with every layer of a small box and vanish before they reach the generator',
    suggestion: { objective: { clip: AUTHORS_CLIP } },
  },
  {
    code: 'clip-too-large',
    pointer: '/spec/objective/clip',
    citation: `${WGAN}, section 3; ${WGAN_GP}, Fig. 1b`,
    fires: ({ spec }) => spec.model.critic !== 'mlp' && (clipOf(spec) ?? AUTHORS_CLIP) > 0.1,
    message:
      'weights take long to fill a large box, and gradients grow with every layer: the critic stays far from its optimum',
    suggestion: { objective: { clip: AUTHORS_CLIP } },
  },
  {
    code: 'slope-vanishes',
    pointer: '/spec/objective/clip',
    citation: `${WGAN_GP}, section 3 and Fig. 1b`,
    fires: (facts) => (slopeOf(facts) ?? 1) < SLOPES.least,
    message: (facts) =>
      `four layers of ${facts.spec.model.criticFilters} within ±${clipOf(facts.spec)} have a slope of about ${slopeOf(facts)?.toPrecision(1)}: hardly a gradient is left for the generator`,
    suggestion: (facts) => ({ objective: { clip: clipForSlope(facts) } }),
  },
  {
    code: 'slope-explodes',
    pointer: '/spec/objective/clip',
    citation: `${WGAN_GP}, section 3 and Fig. 1b`,
    fires: (facts) => (slopeOf(facts) ?? 1) > SLOPES.most,
    message: (facts) =>
      `four layers of ${facts.spec.model.criticFilters} within ±${clipOf(facts.spec)} reach a slope of about ${slopeOf(facts)?.toPrecision(1)}: gradients explode on their way to the generator`,
    suggestion: (facts) => ({ objective: { clip: clipForSlope(facts) } }),
  },
  {
    code: 'deep-clipped-critic',
    pointer: '/spec/model/extraLayers',
    citation: `${WGAN_GP}, section 3`,
    fires: ({ spec }) => clipOf(spec) !== null && spec.model.extraLayers >= 4,
    message: 'very deep critics often fail with weight clipping, even with batch norm; a gradient penalty trains them',
    suggestion: {
      objective: { kind: 'wgan-gp', clip: null, clamp: null, clipBatchNorm: null },
      model: { critic: 'dcgan-ln' },
    },
  },
]
