import { z } from 'zod'
import { diagnosticCatalogue, type Diagnostics, runtimeCatalogue } from './diagnostics.js'
import { MetricSeriesName, metricSeriesNames } from './quality.js'
import { wholeNumber } from './strings.js'

/** What every point has, in the authors' sign (the stored critic D is −f). */
const losses = {
  w_estimate: 'D(fake) − D(real) = f(real) − f(fake): the Wasserstein estimate under the current critic',
  critic_loss: 'D(real) − D(fake): what the critic minimises, the authors’ Loss_D',
  gen_loss: 'D(G(z)): the authors’ Loss_G; its level means nothing',
  critic_real: 'mean D on the real batch, raw',
  critic_fake: 'mean D on the fake batch, raw',
} as const
export const lossNames = Object.keys(losses) as (keyof typeof losses)[]

/** Every series of a curve and its meaning; the losses come first. */
export const seriesCatalogue = { ...losses, ...diagnosticCatalogue } as const
export type SeriesName = keyof typeof seriesCatalogue
export const seriesNames = Object.keys(seriesCatalogue) as SeriesName[]
/** What the same run gives again to the bit, where bits are promised: all but the clock's. */
export const reproducibleNames = seriesNames.filter((name) => !(name in runtimeCatalogue))
export const SeriesName = z.enum(seriesNames as [SeriesName, ...SeriesName[]])

/** What can be asked of a curve: what every generator step gives, and what was measured of checkpoints. */
export const CurveSeriesName = z.enum([...seriesNames, ...metricSeriesNames] as [
  SeriesName | MetricSeriesName,
  ...(SeriesName | MetricSeriesName)[],
])
export type CurveSeriesName = z.infer<typeof CurveSeriesName>
export const isMetricSeries = (name: string): name is MetricSeriesName => MetricSeriesName.safeParse(name).success

/** One row per generator step: the last critic step's values, from its forward pass before its update. */
export interface CurvePoint {
  /** Generator step, 1-based. */
  step: number
  /** Critic steps done so far. */
  criticStep: number
  /** One float32 per entry of `lossNames`, in that order. */
  values: Float32Array
  /** What else was measured at this step. */
  diagnostics?: Diagnostics
}

/** JSON has no NaN or infinities: they travel by name, never as a silent null. */
export const WireNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
export type WireNumber = z.infer<typeof WireNumber>
export const toWire = (value: number): WireNumber =>
  Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity')

/** Columns of one series; entry i of each belongs to the bucket that starts at `x[i]`. What `agg` leaves out is empty. */
export const CurveSeries = z.object({
  /** First generator step of the bucket, or the point's own with `agg=none`. */
  x: z.array(z.int()),
  /** The newest point's value; the point's own with `agg=none` and `agg=lttb`. */
  last: z.array(WireNumber),
  /** Extremes and mean of the finite values; null when there are none. */
  min: z.array(z.number().nullable()),
  max: z.array(z.number().nullable()),
  mean: z.array(z.number().nullable()),
  /** Finite points in the bucket. */
  n: z.array(z.int()),
  /** Points that were NaN or infinite. */
  bad: z.array(z.int()),
  /** The filter's value at the bucket's last point, when `smooth` was asked for; null when nothing around it is finite. */
  smooth: z.array(z.number().nullable()).optional(),
  /** The newest point on the axis that `x` asked for; null where nobody noted the time. */
  at: z.array(z.number().nullable()).optional(),
  /** Of a metric: the same of other real images, at each checkpoint. */
  floor: z.array(z.number().nullable()).optional(),
  /** What the non-finite points of the buckets that have any are; absent when every point is finite. */
  nonFinite: z.array(z.object({ x: z.int(), nan: z.int(), posInf: z.int(), negInf: z.int() })).optional(),
})
export type CurveSeries = z.infer<typeof CurveSeries>

export const CurveMark = z.object({
  step: z.int(),
  type: z.enum(['rollback', 'checkpoint', 'sample', 'health', 'remedy', 'alert']),
  /** What happened there, where the type does not say it all. */
  message: z.string().optional(),
})
export type CurveMark = z.infer<typeof CurveMark>

/**
 * Of the newest point: generator steps, critic steps done, thousands of real images that the critic was shown (critic steps × batch size),
 * seconds since the job began, or seconds that its attempts held a device (the processor, on a worker without a GPU).
 */
export const CurveAxis = z.enum(['gen_step', 'critic_step', 'kimg', 'wall', 'gpu_s'])
export type CurveAxis = z.infer<typeof CurveAxis>

/**
 * What a bucket says: everything (`minmax`), its mean, or its newest value; or points instead of buckets: every one (`none`), or those
 * that keep the line's shape (`lttb`, chosen among extremes).
 */
export const CurveAggregate = z.enum(['minmax', 'mean', 'last', 'lttb', 'none'])
export type CurveAggregate = z.infer<typeof CurveAggregate>

export const CurveReply = z
  .object({
    jobId: z.uuid(),
    /** The axis that was asked for. Buckets are of generator steps on every one; the others are the column `at`. */
    x: CurveAxis,
    /** Generator steps per bucket, a power of two. */
    resolution: z.int(),
    /** Cursor: send it back as `sinceSeq`. */
    seq: z.int(),
    /** The job is over and this is all of it. */
    complete: z.boolean(),
    /** Throw away every bucket from this step on before merging: a resumed attempt rolled back, or the resolution changed. */
    reset: z.object({ fromStep: z.int() }).nullable(),
    /**
     * Of a `metric.…` each entry is one checkpoint at its own step, the list is whole in every reply, and no `smooth` or `agg` applies.
     */
    series: z.partialRecord(CurveSeriesName, CurveSeries),
    /** With `attempts=all`: what gave way to later attempts, whole in every reply. */
    superseded: z.array(z.object({ attempt: z.int(), series: z.partialRecord(SeriesName, CurveSeries) })).optional(),
    marks: z.array(CurveMark),
  })
  .meta({ id: 'Curve' })
export type CurveReply = z.infer<typeof CurveReply>

/** A smoothing filter: an odd window in points (median, mean), σ in points (gauss), or the weight of the past (ema). */
export interface Smoothing {
  kind: 'median' | 'mean' | 'gauss' | 'ema'
  size: number
}

const smoothingSizes: Record<Smoothing['kind'], { fits: (size: number) => boolean; says: string }> = {
  median: { fits: isWindow, says: 'an odd window from 3 to 1001 points' },
  mean: { fits: isWindow, says: 'an odd window from 3 to 1001 points' },
  gauss: { fits: (sigma) => sigma > 0 && sigma <= 200, says: 'a σ above 0, up to 200 points' },
  ema: { fits: (weight) => weight > 0 && weight <= 0.999, says: 'a weight of the past above 0, up to 0.999' },
}

function isWindow(size: number): boolean {
  return Number.isInteger(size) && size % 2 === 1 && size >= 3 && size <= 1001
}

/**
 * `median:101` is the authors' filter. Every filter is computed on raw points around each shown one, before they go into buckets; the window
 * is cut where the curve ends, and what is not finite is left out.
 */
export const Smooth = z.string().transform((value, context): Smoothing | null => {
  if (value === 'none') return null
  const [, kind, size] = /^(median|mean|gauss|ema):(\d{1,4}|\d{0,4}\.\d{1,6})$/.exec(value) ?? []
  if (kind === undefined) {
    const message = 'must be none, median:<odd window>, mean:<odd window>, gauss:<σ> or ema:<weight of the past>'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const smoothing = { kind: kind as Smoothing['kind'], size: Number(size) }
  const { fits, says } = smoothingSizes[smoothing.kind]
  if (fits(smoothing.size)) return smoothing
  context.addIssue({ code: 'custom', message: `${kind} needs ${says}` })
  return z.NEVER
})

/** Query parameters arrive as text: `metrics=w_estimate,gen_loss&sinceSeq=12&resolution=4`. */
export const CurveQuery = z.strictObject({
  metrics: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(CurveSeriesName).min(1).max(CurveSeriesName.options.length))
    .default(['w_estimate', 'critic_loss', 'gen_loss']),
  from: wholeNumber(0, 1e9).optional(),
  to: wholeNumber(0, 1e9).optional(),
  sinceSeq: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  resolution: wholeNumber(1, 2 ** 30)
    .refine((n) => Number.isInteger(Math.log2(n)), { message: 'must be a power of two' })
    .optional(),
  maxPoints: wholeNumber(1, 5000).default(1000),
  smooth: Smooth.default(null),
  agg: CurveAggregate.default('minmax'),
  x: CurveAxis.default('gen_step'),
  /** `all` adds what a resumed attempt replaced. */
  attempts: z.enum(['effective', 'all']).default('effective'),
  /** One line per bucket and series in all but `json`. */
  format: z.enum(['json', 'csv', 'ndjson', 'parquet']).default('json'),
})
export type CurveQuery = z.infer<typeof CurveQuery>
export type CurveQueryInput = z.input<typeof CurveQuery>
