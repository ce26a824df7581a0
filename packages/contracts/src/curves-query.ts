// Curves of many jobs in one reply: part of the route table.
import { z } from 'zod'
import { CurveAxis, CurveReply, SeriesName, seriesNames, Smooth } from './curve.js'
import type { Route } from './routes.js'

/**
 * Keys of a spec that the scale of a critic's estimate hangs on: the data, the critic and what holds its slope. Two runs that differ in one
 * of them are not to be read on one axis; another generator or seed is what one compares.
 */
export const comparedKeys = [
  '/dataset',
  '/model/imageSize',
  '/model/critic',
  '/model/criticFilters',
  '/model/extraLayers',
  '/objective',
] as const

/** Curves in one reply. */
export const MAX_CURVES = 100

export const CurvesQuery = z
  .strictObject({
    jobIds: z
      .array(z.uuid())
      .min(1)
      .max(MAX_CURVES)
      .refine((ids) => new Set(ids).size === ids.length, { message: 'must not name a job twice' })
      .optional(),
    /** Instead of `jobIds`: the trials of a sweep that have started, best first, up to 100 of them. */
    sweepId: z.uuid().optional(),
    metrics: z.array(SeriesName).min(1).max(seriesNames.length).default(['w_estimate']),
    from: z.int().min(0).max(1e9).optional(),
    to: z.int().min(0).max(1e9).optional(),
    /** Of the longest curve; all share one resolution, so that their buckets are the same steps. */
    maxPoints: z.int().min(1).max(1000).default(300),
    smooth: Smooth.default(null),
    x: CurveAxis.default('gen_step'),
    /**
     * What every value is divided by, where scales differ. `first`: the size of the curve's first bucket mean. `gradnorm`: the mean slope of
     * the critic between real and generated images over the range (`slope_between`), which makes of an estimate a distance in the images'
     * own scale, as far as the slopes that were looked at stand for the critic's Lipschitz constant.
     */
    normalize: z.enum(['none', 'first', 'gradnorm']).default('none'),
    /** Refuse with `not-comparable` when the jobs differ in what sets the scale of an estimate. */
    requireComparable: z.boolean().default(true),
  })
  .refine(({ jobIds, sweepId }) => (jobIds === undefined) !== (sweepId === undefined), {
    message: 'give either jobIds or sweepId',
    params: { code: 'conflicting-options' },
  })
export type CurvesQuery = z.infer<typeof CurvesQuery>

export const CurveItem = z.object({
  ...CurveReply.omit({ reset: true, superseded: true }).shape,
  /** What each series was divided by; null without `normalize`, or where no value is finite or it would be 0. */
  scale: z.partialRecord(SeriesName, z.number().nullable()),
})
export type CurveItem = z.infer<typeof CurveItem>

export const CurvesReply = z.object({
  /** Generator steps per bucket, of every curve. */
  resolution: z.int(),
  /** In the order of `jobIds`, or of the sweep's ranking. */
  items: z.array(CurveItem),
})
export type CurvesReply = z.infer<typeof CurvesReply>

export const curvesRoutes = {
  queryCurves: {
    method: 'POST',
    path: '/curves/query',
    scope: 'read',
    summary: 'The curves of up to 100 jobs at one resolution; refused when they cannot be compared',
    body: CurvesQuery,
    status: 200,
    reply: CurvesReply,
  },
} as const satisfies Record<string, Route>
