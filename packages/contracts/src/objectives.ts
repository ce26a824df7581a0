import { z } from 'zod'

/** Weight clipping (Arjovsky et al. 2017, Algorithm 1). */
export const WganClip = z.strictObject({
  kind: z.literal('wgan-clip'),
  /** Half-width c of the box that holds every critic weight. */
  clip: z.number().min(1e-6).max(10).default(0.01),
  /** `before` each critic update as the authors' code does, or `after` it as Algorithm 1 says. */
  clamp: z.enum(['before', 'after']).default('before'),
  /** Clip batch-norm scales and offsets too, as the authors' loop over all critic parameters does. */
  clipBatchNorm: z.boolean().default(true),
})
export type WganClip = z.infer<typeof WganClip>

/** What critic and generator optimise. */
export const Objective = z.discriminatedUnion('kind', [WganClip])
export type Objective = z.infer<typeof Objective>
export type ObjectiveKind = Objective['kind']
