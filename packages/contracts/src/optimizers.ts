import { z } from 'zod'

const learningRate = z.number().min(1e-12).max(1).default(5e-5)

/** RMSProp as PyTorch computes it: decay 0.99, epsilon 1e-8 outside the root, no momentum. The paper's choice. */
export const RmsProp = z.strictObject({
  kind: z.literal('rmsprop'),
  criticLearningRate: learningRate,
  generatorLearningRate: learningRate,
})
export type RmsProp = z.infer<typeof RmsProp>

/** Adam as PyTorch computes it (epsilon 1e-8). Defaults are the authors' `--adam`. */
export const Adam = z.strictObject({
  kind: z.literal('adam'),
  criticLearningRate: learningRate,
  generatorLearningRate: learningRate,
  beta1: z.number().min(0).lt(1).default(0.5),
  beta2: z.number().min(0).lt(1).default(0.999),
})
export type Adam = z.infer<typeof Adam>

export const Optimizer = z.discriminatedUnion('kind', [RmsProp, Adam])
export type Optimizer = z.infer<typeof Optimizer>
export type OptimizerKind = Optimizer['kind']
