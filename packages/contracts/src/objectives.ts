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
  /** Weight of drift · mean D(real)², which keeps scores near 0 (Karras et al. 2018: 0.001). None when absent. */
  drift: z.number().gt(0).max(1e3).optional(),
})
export type WganGp = z.infer<typeof WganGp>

/**
 * Wasserstein divergence (Wu et al. 2018): no Lipschitz bound, but (k / 2) · mean ‖∇f‖ᵖ on real and on generated images,
 * so that the optimum is a divergence of its own. The paper's best: k = 2, p = 6.
 */
export const WganDiv = z.strictObject({
  kind: z.literal('wgan-div'),
  k: z.number().min(0).max(1e6).default(2),
  power: z.literal([2, 4, 6]).default(6),
})
export type WganDiv = z.infer<typeof WganDiv>

/** The Wasserstein estimate alone, for a critic whose weights are spectrally normalised (Miyato et al. 2018): they bound its slope. */
export const WganSn = z.strictObject({ kind: z.literal('wgan-sn') })
export type WganSn = z.infer<typeof WganSn>

/** γ of R1 (Mescheder et al. 2018): γ / 2 · mean ‖∇f‖² on real images. 0 is none. */
const r1 = z.number().min(0).max(1e6).default(0)

/** The baseline of Fig. 4: −log D for the generator (Goodfellow et al. 2014). f is the logit; log 2 − critic_loss / 2 estimates JS. */
export const NonSaturating = z.strictObject({ kind: z.literal('non-saturating'), r1 })
export type NonSaturating = z.infer<typeof NonSaturating>

/** The same critic, and log(1 − D) for the generator: the loss whose gradient vanishes (Fig. 2). */
export const Minimax = z.strictObject({ kind: z.literal('minimax'), r1 })
export type Minimax = z.infer<typeof Minimax>

/** Least squares (Mao et al. 2017), with targets 0, 1 and 1 for f(fake), f(real) and the generator. */
export const LeastSquares = z.strictObject({ kind: z.literal('least-squares'), r1 })
export type LeastSquares = z.infer<typeof LeastSquares>

/** Hinge (Lim and Ye 2017): scores beyond ±1 on their own side move the critic no further. */
export const Hinge = z.strictObject({ kind: z.literal('hinge'), r1 })
export type Hinge = z.infer<typeof Hinge>

/** What critic and generator optimise. */
export const Objective = z.discriminatedUnion('kind', [
  WganClip,
  WganGp,
  WganDiv,
  WganSn,
  NonSaturating,
  Minimax,
  LeastSquares,
  Hinge,
])
export type Objective = z.infer<typeof Objective>
export type ObjectiveKind = Objective['kind']
