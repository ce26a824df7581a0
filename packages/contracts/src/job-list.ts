import { z } from 'zod'
import { lossNames } from './curve.js'
import { HealthState } from './health.js'
import { Job, JobState } from './job.js'
import { instant, text, wholeNumber } from './strings.js'

const refuse = (context: z.core.$RefinementCtx, message: string) => {
  context.addIssue({ code: 'custom', message, params: { code: 'invalid' } })
  return z.NEVER
}

/** A parameter that may be given several times. */
const repeated = <T extends z.ZodType<unknown, string>>(one: T) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat())
    .pipe(z.array(one).max(20))

/** What a tag must be, or with a leading `-` must not be: there (`run`), or of a value (`run=2`). A key that itself begins with `-` cannot be asked for. */
const TagCondition = text(300).transform((given, context) => {
  const [, minus, key, value] = /^(-?)([^=-][^=]*)(?:=(.*))?$/s.exec(given) ?? []
  if (key === undefined) return refuse(context, 'must read key, key=value, -key or -key=value')
  return { key, ...(value !== undefined && { value }), wanted: minus === '' }
})

type Comparison = '<' | '<=' | '>' | '>='
const metricPattern = new RegExp(
  String.raw`^(${lossNames.join('|')})\.last(<=?|>=?)(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$`,
  'i',
)

/** `w_estimate.last<0.5`: the newest value that a job's worker told of a series. */
const MetricCondition = z
  .string()
  .max(100)
  .transform((given, context) => {
    const [, series, comparison, digits] = metricPattern.exec(given) ?? []
    const value = Number(digits)
    if (series === undefined || !Number.isFinite(value))
      return refuse(
        context,
        `must read like w_estimate.last<0.5, with <, <=, > or >=; the series are ${lossNames.join(', ')}`,
      )
    return { series: series as (typeof lossNames)[number], comparison: comparison as Comparison, value }
  })

/** `-` is descending. A job without a finish counts as later than all. Among equals the younger job comes after the older, or before with `-`. */
export const JobSort = z.enum(['createdAt', '-createdAt', 'finishedAt', '-finishedAt', 'priority', '-priority'])
export type JobSort = z.infer<typeof JobSort>

const list = (given: string) => given.split(',')
const JobField = z.enum(Object.keys(Job.shape) as [keyof Job, ...(keyof Job)[]])

export const JobListQuery = z.strictObject({
  /** One state, or several with commas between. */
  state: z.string().transform(list).pipe(z.array(JobState)).optional(),
  /** How the critic is doing: one state, or several with commas between. */
  health: z.string().transform(list).pipe(z.array(HealthState)).optional(),
  /** Submitted with this key: its id or its name. */
  key: text(200).min(1).optional(),
  /** The trials of this sweep. */
  sweepId: z.uuid().optional(),
  /** Given several times: all of them must hold. */
  tag: repeated(TagCondition).optional(),
  /** Each of these words begins a word of the name or the notes, whatever the case. */
  q: text(200)
    .regex(/[\p{L}\p{N}]/u, { message: 'must hold a letter or a digit' })
    .optional(),
  /** Given several times: all of them must hold. A job whose worker told of no finite value meets none. */
  metric: repeated(MetricCondition).optional(),
  createdAfter: instant.optional(),
  createdBefore: instant.optional(),
  /** Archived jobs: none (the default), only them (`true`), or `all`. */
  archived: z.enum(['false', 'true', 'all']).default('false'),
  sort: JobSort.default('-createdAt'),
  limit: wholeNumber(1, 200).default(50),
  /** `nextCursor` of the page before; belongs to the sort and the filter that it came from. */
  cursor: z.string().max(200).optional(),
  /** Only these keys of each job, with commas between; the id always comes along. */
  fields: z.string().max(500).transform(list).pipe(z.array(JobField)).optional(),
  /** Count the jobs of all pages. */
  includeTotal: z.enum(['true', 'false']).default('false'),
})
export type JobListQuery = z.infer<typeof JobListQuery>

/** On the wire an item holds what `fields` asked for. The type promises a whole job, which is what comes without `fields`. */
const JobItem = Job.partial().required({ id: true }) as unknown as typeof Job

export const JobList = z.object({
  items: z.array(JobItem),
  nextCursor: z.string().nullable(),
  /** With `includeTotal`. */
  total: z.int().optional(),
})
