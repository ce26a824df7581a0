// Of penalties, of objectives without a bound, and of the networks that go with them.
import { AUTHORS, isPenalised, isWasserstein, type Rule, toClipping, WGAN, WGAN_GP } from './rule.js'

const roundUpTo8 = (count: number): number => Math.ceil(count / 8) * 8

export const criticRules: Rule[] = [
  {
    code: 'batch-norm-under-penalty',
    pointer: '/spec/model/critic',
    citation: `${WGAN_GP}, section 4`,
    fires: ({ spec }) => isPenalised(spec) && spec.model.critic === 'dcgan',
    message:
      'batch norm in the critic ties every score to the rest of its batch, so the penalty no longer bounds the gradient of each image; choose critic dcgan-ln, dcgan-nobn or mlp',
    suggestion: { model: { critic: 'dcgan-ln' } },
  },
  {
    code: 'no-lipschitz-bound',
    pointer: '/spec/objective',
    citation: `${WGAN}, section 3, equation 2`,
    fires: ({ spec: { objective } }) =>
      (objective.kind === 'wgan-gp' && objective.lambda === 0) || (objective.kind === 'wgan-div' && objective.k === 0),
    message: 'a penalty of weight 0 bounds nothing: the critic’s scores grow without end and estimate no distance',
    suggestion: ({ spec }) => ({ objective: spec.objective.kind === 'wgan-div' ? { k: 2 } : { lambda: 10 } }),
  },
  {
    code: 'weak-penalty',
    pointer: '/spec/objective/lambda',
    citation: `${WGAN_GP}, section 4: lambda 10 throughout`,
    fires: ({ spec: { objective } }) => objective.kind === 'wgan-gp' && objective.lambda > 0 && objective.lambda < 0.1,
    message: ({ spec: { objective } }) =>
      `the estimate of two laws at distance θ comes out as θ (1 + θ / 2λ): with a lambda of ${objective.kind === 'wgan-gp' ? objective.lambda : 0} it is no distance any more`,
    suggestion: { objective: { lambda: 10 } },
  },
  {
    code: 'high-rate-under-penalty',
    pointer: '/spec/optimizer',
    citation: `${WGAN_GP}, Algorithm 1`,
    fires: ({ spec: { objective, optimizer } }) =>
      (objective.kind === 'wgan-gp' || objective.kind === 'wgan-div') &&
      Math.max(optimizer.criticLearningRate, optimizer.generatorLearningRate) > 1e-3,
    message: 'more than ten times the paper’s learning rate of 1e-4: the gradient’s norm is no longer held near 1',
    suggestion: { optimizer: { criticLearningRate: 1e-4, generatorLearningRate: 1e-4 } },
  },
  {
    code: 'bfloat16-under-penalty',
    pointer: '/spec/precision',
    citation: 'Kalamkar et al. 2019, arXiv:1905.12322',
    fires: ({ spec }) => isPenalised(spec) && spec.precision === 'bfloat16',
    message:
      'a penalty takes the gradient of a gradient, both with the 8 bits of bfloat16; we compared such runs with float32 under clipping only',
    suggestion: { precision: 'float32' },
  },
  {
    code: 'uneven-widths',
    pointer: '/spec/model',
    citation: 'https://docs.nvidia.com/deeplearning/performance/dl-performance-matrix-multiplication/index.html',
    fires: ({ spec: { precision, model, batchSize } }) =>
      precision === 'bfloat16' &&
      [model.generatorFilters, model.criticFilters, batchSize].some((count) => count % 8 > 0),
    message: 'bfloat16 is quick where filters and batch are multiples of 8; elsewhere it pads or falls back',
    suggestion: ({ spec: { model, batchSize } }) => ({
      batchSize: roundUpTo8(batchSize),
      model: {
        generatorFilters: roundUpTo8(model.generatorFilters),
        criticFilters: roundUpTo8(model.criticFilters),
      },
    }),
  },
  {
    code: 'odd-filters',
    pointer: '/spec/model/generatorFilters',
    citation: `${AUTHORS}/blob/master/models/dcgan.py: cngf = ngf // 2`,
    fires: ({ spec: { model } }) =>
      ['dcgan', 'dcgan-nobn'].includes(model.generator) && model.generatorFilters % 2 === 1,
    message: ({ spec: { model } }) =>
      `the authors halve the number of filters before they double it, so ${model.generatorFilters} give the networks of ${model.generatorFilters - 1}`,
    suggestion: ({ spec: { model } }) => ({ model: { generatorFilters: model.generatorFilters - 1 } }),
  },
  {
    code: 'no-wasserstein-estimate',
    pointer: '/spec/objective/kind',
    citation: `${WGAN}, section 3, equation 2`,
    fires: ({ spec }) => !isWasserstein(spec),
    message: ({ spec }) =>
      `nothing bounds the slope of a critic trained with ${spec.objective.kind}: w_estimate is a difference of scores, no distance`,
    suggestion: toClipping,
  },
  {
    code: 'saturating-generator',
    pointer: '/spec/objective/kind',
    citation: `Goodfellow et al. 2014, arXiv:1406.2661, section 3; ${WGAN}, Fig. 2`,
    fires: ({ spec }) => spec.objective.kind === 'minimax',
    message: 'the better the critic of a minimax GAN, the smaller the gradient of its generator: it vanishes',
    suggestion: { objective: { kind: 'non-saturating' } },
  },
  {
    code: 'fragile-baseline',
    pointer: '/spec/model/generator',
    citation: `${WGAN}, section 4.3, Figs. 6 and 7`,
    fires: ({ spec }) => !isWasserstein(spec) && spec.model.generator !== 'dcgan',
    message: 'a standard GAN with such a generator did not learn, or collapsed, where a WGAN did not',
    suggestion: { model: { generator: 'dcgan' } },
  },
]
