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

/** Gradient penalty (Gulrajani et al. 2017, equation 3): λ · mean (‖∇f(x̂)‖ − 1)² between real and generated images. */
export const WganGp = z.strictObject({
  kind: z.literal('wgan-gp'),
  /** Weight λ of the penalty. The paper's 10. */
  lambda: z.number().min(0).max(1e6).default(10),
  /** 2 pulls every norm towards 1; 1 only pushes down those above 1 (Petzka et al. 2018, WGAN-LP). */
  sides: z.literal([1, 2]).default(2),
})
export type WganGp = z.infer<typeof WganGp>

/** What critic and generator optimise. */
export const Objective = z.discriminatedUnion('kind', [WganClip, WganGp])
export type Objective = z.infer<typeof Objective>
export type ObjectiveKind = Objective['kind']
