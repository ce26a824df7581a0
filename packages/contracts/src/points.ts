import { z } from 'zod'

// Laws of synthetic points. Nothing is stored of them: a point is a function of its law and its index.

/** Tells two draws of the same law apart. */
const seed = z.int().min(0).max(2_147_483_647).default(1)

/** The real law of Example 1 (Arjovsky et al. 2017): (θ, U) with U uniform on [0, 1]. The generator `shift` starts at θ = 0. */
const Lines = z.strictObject({ kind: z.literal('lines'), theta: z.number().min(-100).max(100).default(1), seed })

/** Two normal laws with deviation 1 and equal weight, centres `distance` apart on the first axis of the plane. */
const TwoGaussians = z.strictObject({
  kind: z.literal('two-gaussians'),
  distance: z.number().min(0).max(1000).default(4),
  seed,
})

/** Eight narrow normal laws on a circle, in the scale of Gulrajani et al. 2017: radius 2 and deviation .02, over √2. */
const Ring8 = z.strictObject({ kind: z.literal('ring-8'), seed })

/** Twenty-five on a grid with spacing 2 and deviation .05, over 2√2. */
const Grid25 = z.strictObject({ kind: z.literal('grid-25'), seed })

/** A spiral of one and a half turns with noise of deviation .25, over 7.5. */
const SwissRoll = z.strictObject({ kind: z.literal('swiss-roll'), seed })

/**
 * MinFunnels (Korotin et al. 2022) in the unit cube: uniform points, each moved towards the centre of its funnel. The
 * generator `shift` with `latentSize` = `dimensions` is uniform on that cube, and the exact W₁ between the two is known.
 */
const MinFunnels = z.strictObject({
  kind: z.literal('minfunnels'),
  dimensions: z.int().min(1).max(128).default(2),
  funnels: z.int().min(1).max(256).default(4),
  seed,
})

/** What the points of a synthetic dataset are drawn from. */
export const PointLaw = z
  .discriminatedUnion('kind', [Lines, TwoGaussians, Ring8, Grid25, SwissRoll, MinFunnels])
  .meta({ id: 'PointLaw' })
export type PointLaw = z.infer<typeof PointLaw>
export type PointLawKind = PointLaw['kind']
export type PointLawOf<K extends PointLawKind> = Extract<PointLaw, { kind: K }>
