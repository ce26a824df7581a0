// Of critic steps, data and horizon, and of what is kept of a run.
import { AUTHORS, type Facts, isWasserstein, type Rule, rounded, WGAN, WGAN_GP } from './rule.js'

const AUTHORS_WARMUP = { generatorSteps: 25, criticSteps: 100 }
const AUTHORS_STEPS = 10_000

/** Images of the last batch of an epoch when they are few: less than an eighth of the others. 0: it is full, or no critic minds. */
function smallTail({ spec, dataset }: Facts, batchSize = spec.batchSize): number {
  const tail = (dataset.numImages - spec.heldOut) % batchSize
  return spec.model.critic === 'dcgan' && tail * 8 <= batchSize ? tail : 0
}

/** The nearest smaller batch without a small tail. */
function batchWithoutTail(facts: Facts): number | null {
  for (let size = facts.spec.batchSize - 1; size >= 2; size--) if (smallTail(facts, size) === 0) return size
  return null
}

export const scheduleRules: Rule[] = [
  {
    code: 'few-critic-steps',
    pointer: '/spec/schedule/criticSteps',
    citation: `${WGAN}, section 3; ${AUTHORS}/issues/2`,
    fires: ({ spec }) => isWasserstein(spec) && spec.schedule.criticSteps < 3,
    message: ({ spec: { schedule } }) =>
      `${schedule.criticSteps === 1 ? 'one critic step' : `${schedule.criticSteps} critic steps`} per generator step leave the critic far from its optimum, where the estimate means nothing; the authors take 5`,
    suggestion: { schedule: { criticSteps: 5 } },
  },
  {
    code: 'no-warm-up',
    pointer: '/spec/schedule/warmup/generatorSteps',
    citation: `${AUTHORS}/blob/master/main.py: gen_iterations < 25`,
    fires: ({ spec, plan }) =>
      spec.objective.kind === 'wgan-clip' &&
      spec.schedule.warmup.generatorSteps === 0 &&
      plan.steps !== null &&
      plan.steps <= 1000,
    message: 'without the authors’ 2 500 first critic steps the critic is behind for much of so short a run',
    suggestion: { schedule: { warmup: AUTHORS_WARMUP } },
  },
  {
    code: 'ends-in-warm-up',
    pointer: '/spec/budget',
    citation: `${AUTHORS}/blob/master/main.py: gen_iterations < 25`,
    fires: ({ spec, plan }) => plan.steps !== null && plan.steps <= spec.schedule.warmup.generatorSteps,
    message: ({ spec, plan }) =>
      `the budget ends at generator step ${plan.steps}, within the ${spec.schedule.warmup.generatorSteps} of the warm-up`,
    suggestion: ({ spec }) => ({
      budget: { epochs: null, generatorSteps: Math.max(AUTHORS_STEPS, 4 * spec.schedule.warmup.generatorSteps) },
    }),
  },
  {
    code: 'few-steps-in-epochs',
    pointer: '/spec/budget/epochs',
    citation: `${WGAN}, section 4.2 and Fig. 3: 600 000 generator steps`,
    fires: ({ spec: { budget }, plan }) =>
      budget.epochs !== undefined && budget.generatorSteps === undefined && plan.steps !== null && plan.steps < 5000,
    message: ({ spec, dataset, plan }) =>
      `${spec.budget.epochs} epochs of ${dataset.numImages} images are ${plan.steps} generator steps: the authors’ 25 epochs were of three million images, 228 000 steps; on a small set give steps`,
    suggestion: { budget: { epochs: null, generatorSteps: AUTHORS_STEPS } },
  },
  {
    code: 'few-images',
    pointer: '/spec/dataset',
    citation: `${WGAN_GP}, Fig. 5b`,
    fires: ({ dataset }) => dataset.numImages < 1000,
    message: ({ dataset }) =>
      `a critic learns ${dataset.numImages} images by heart: the paper’s overfitted on 1 000 digits, and its estimate rose above the held-out one`,
    suggestion: null,
  },
  {
    code: 'small-tail-batch',
    pointer: '/spec/batchSize',
    citation: `${AUTHORS}/pull/8: the last batch is not dropped`,
    fires: (facts) => smallTail(facts) > 0,
    message: (facts) => {
      const images = smallTail(facts) === 1 ? 'a single image' : `only ${smallTail(facts)} images`
      return `the last real batch of every epoch holds ${images} of ${facts.spec.batchSize}, so its batch-norm statistics are poor`
    },
    suggestion: (facts) => {
      const batchSize = batchWithoutTail(facts)
      return batchSize === null ? null : { batchSize }
    },
  },
  {
    code: 'no-checkpoint-between',
    pointer: '/spec/checkpoint/everySteps',
    citation: 'docs/concepts/life-cycle.md',
    fires: ({ spec: { checkpoint, budget }, plan }) =>
      plan.steps !== null && checkpoint.everySteps >= plan.steps && checkpoint.everySeconds >= (budget.seconds ?? 3600),
    message: ({ plan }) =>
      `no checkpoint is due within its ${plan.steps} steps, so a lost worker costs all work of an hour or more`,
    suggestion: { checkpoint: { everySeconds: 300 } },
  },
  {
    code: 'no-sample-between',
    pointer: '/spec/sampling/every',
    citation: `${WGAN}, section 4.2: the estimate goes with the look of samples`,
    fires: ({ spec, plan }) => plan.steps !== null && plan.steps > 1 && spec.sampling.every >= plan.steps,
    message: ({ plan }) =>
      `the ${plan.steps} steps give a sample grid at the start and at the end, and none to compare the curve with`,
    suggestion: ({ plan }) => ({ sampling: { every: Math.max(1, Math.min(500, rounded((plan.steps ?? 1) / 10))) } }),
  },
  {
    code: 'small-sample-batch',
    pointer: '/spec/sampling/count',
    citation: `${AUTHORS}/blob/master/generate.py: batch norm by the batch that is drawn`,
    fires: ({ spec }) => spec.model.generator === 'dcgan' && spec.sampling.count < 8,
    message: 'a grid is normalised by its own statistics, so each of so few samples looks as the others make it look',
    suggestion: { sampling: { count: 64 } },
  },
]
