import { z } from 'zod'

const learningRate = z.number().min(1e-12).max(1).default(5e-5)

/** Both rates fall in a line, from all of them at generator step `from` to nothing at `until` and after it. */
const LinearDecay = z
  .strictObject({
    from: z.int().min(0).max(100_000_000).default(0),
    until: z.int().min(1).max(100_000_000),
  })
  .refine(({ from, until }) => until > from, {
    path: ['until'],
    message: 'must be after from',
    params: { code: 'out-of-range' },
  })

const rates = {
  criticLearningRate: learningRate,
  generatorLearningRate: learningRate,
  /** As Gulrajani et al. 2017 train their residual networks: to 0 over 100 000 generator steps. Constant rates when absent. */
  decay: LinearDecay.optional(),
}

/** RMSProp as PyTorch computes it: decay 0.99, epsilon 1e-8 outside the root, no momentum. The paper's choice. */
export const RmsProp = z.strictObject({ kind: z.literal('rmsprop'), ...rates })
export type RmsProp = z.infer<typeof RmsProp>

/** Adam as PyTorch computes it (epsilon 1e-8). Defaults are the authors' `--adam`. */
export const Adam = z.strictObject({
  kind: z.literal('adam'),
  ...rates,
  beta1: z.number().min(0).lt(1).default(0.5),
  beta2: z.number().min(0).lt(1).default(0.999),
})
export type Adam = z.infer<typeof Adam>

export const Optimizer = z.discriminatedUnion('kind', [RmsProp, Adam])
export type Optimizer = z.infer<typeof Optimizer>
export type OptimizerKind = Optimizer['kind']
