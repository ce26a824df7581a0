import type { Dataset, JobSpec, Lint } from '@kantor/contracts'

type Rule = (spec: JobSpec, dataset: Dataset) => Lint | null

// Acceptable, but probably not what its author wants. Each finding states what is known, with its source.
const rules: Rule[] = [
  // Arjovsky et al. 2017, §4.2: training became unstable at times with Adam (beta1 > 0) on the critic.
  ({ objective, optimizer }) =>
    objective.kind === 'wgan-clip' && optimizer.kind === 'adam' && optimizer.beta1 > 0
      ? {
          code: 'adam-with-clipping',
          pointer: '/spec/optimizer/beta1',
          message:
            'momentum makes a clipped critic unstable at times (Arjovsky et al. 2017, section 4.2); the authors use rmsprop, or set beta1 to 0',
        }
      : null,

  // The authors' thread #2: 5e-4 gave estimates that rise while samples get better. Their default is 5e-5.
  ({ objective, optimizer }) =>
    objective.kind === 'wgan-clip' && optimizer.criticLearningRate >= 5e-4
      ? {
          code: 'high-critic-rate',
          pointer: '/spec/optimizer/criticLearningRate',
          message:
            'with weight clipping, critic rates of 5e-4 and more are known to lose the estimate; the authors use 5e-5',
        }
      : null,

  // Measured at 64 × 64: the estimate after 200 critic steps is 1.5 with all parameters clipped, 97 with free scales.
  ({ objective, model }) =>
    objective.kind === 'wgan-clip' && model.critic === 'dcgan' && !objective.clipBatchNorm
      ? {
          code: 'free-batch-norm',
          pointer: '/spec/objective/clipBatchNorm',
          message:
            'batch-norm scales outside the clip box let the critic grow: estimates come out tens of times larger and do not compare with clipped runs',
        }
      : null,

  // Gulrajani et al. 2017, §4: the penalty is on every image's own gradient, batch norm mixes the batch into each score.
  ({ objective, model }) =>
    isPenalised(objective) && model.critic === 'dcgan'
      ? {
          code: 'batch-norm-under-penalty',
          pointer: '/spec/model/critic',
          message:
            'batch norm in the critic ties every score to the rest of its batch, so the penalty no longer bounds the gradient of each image (Gulrajani et al. 2017, section 4); choose critic dcgan-ln, dcgan-nobn or mlp',
        }
      : null,

  // Only a bound on the critic's slope makes the difference of its scores a Wasserstein estimate (§3, equation 2).
  ({ objective }) =>
    'r1' in objective
      ? {
          code: 'no-wasserstein-estimate',
          pointer: '/spec/objective/kind',
          message: `nothing bounds the slope of a critic trained with ${objective.kind}: w_estimate is a difference of scores, no distance`,
        }
      : null,

  // The estimate means something only near the optimal critic (same paper, §3).
  ({ schedule }) =>
    schedule.criticSteps < 2
      ? {
          code: 'few-critic-steps',
          pointer: '/spec/schedule/criticSteps',
          message: 'one critic step per generator step leaves the critic far from its optimum; the authors take 5',
        }
      : null,

  // The real tail is smaller while the fake batch stays full (the authors' loader has drop_last=False).
  ({ batchSize, model }, dataset) => {
    const tail = dataset.numImages % batchSize
    if (tail === 0 || tail * 8 > batchSize || model.critic !== 'dcgan') return null
    const images = tail === 1 ? 'a single image' : `only ${tail} images`
    return {
      code: 'small-tail-batch',
      pointer: '/spec/batchSize',
      message: `the last real batch of every epoch holds ${images} of ${batchSize}, so its batch-norm statistics are poor`,
    }
  },
]

const isPenalised = (objective: JobSpec['objective']): boolean =>
  objective.kind === 'wgan-gp' || objective.kind === 'wgan-div' || ('r1' in objective && objective.r1 > 0)

/** What is legal but unwise in a resolved spec. */
export const lintJob = (spec: JobSpec, dataset: Dataset): Lint[] => rules.flatMap((rule) => rule(spec, dataset) ?? [])
