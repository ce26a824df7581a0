import { z } from 'zod'

/** What attempts took of the machines. */
const amounts = {
  jobs: z.int(),
  attempts: z.int(),
  /** From each claim to its end, or until now. */
  seconds: z.number(),
  /** The same on a GPU. */
  gpuSeconds: z.number(),
  /** Processor time of the trainers; what no trainer has told counts as 0. */
  cpuSeconds: z.number(),
}

export const UsageGroup = z.enum(['key', 'deviceClass', 'device', 'host', 'dataset', 'sweep', 'job'])
export type UsageGroup = z.infer<typeof UsageGroup>

/** One group: its name under each of the asked criteria, null where it is unknown. */
export const UsageRow = z.object({
  group: z.partialRecord(UsageGroup, z.string().nullable()),
  ...amounts,
})
export type UsageRow = z.infer<typeof UsageRow>

const moment = z.iso
  .datetime({ offset: true, message: 'must be a time such as 2026-01-31T00:00:00Z; + is %2B in a query' })
  // Postgres counts from year 1.
  .refine((time) => !time.startsWith('0000'), { message: 'must be after the year 0', params: { code: 'out-of-range' } })

export const UsageQuery = z
  .strictObject({
    /** Criteria with commas between. */
    groupBy: z
      .string()
      .transform((list) => list.split(','))
      .pipe(z.array(UsageGroup))
      .refine((groups) => new Set(groups).size === groups.length, { message: 'must name each criterion once' })
      .default(['key']),
    /** An attempt counts with the part of it that lies between the two. */
    from: moment.optional(),
    to: moment.optional(),
    format: z.enum(['json', 'csv']).default('json'),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to), {
    path: ['to'],
    message: 'must be later than from',
    params: { code: 'out-of-range' },
  })
export type UsageQuery = z.infer<typeof UsageQuery>

export const Usage = z.object({ items: z.array(UsageRow) }).meta({ id: 'Usage' })
export type Usage = z.infer<typeof Usage>

export const JobUsage = z
  .object({
    jobId: z.uuid(),
    attempts: amounts.attempts,
    seconds: amounts.seconds,
    gpuSeconds: amounts.gpuSeconds,
    cpuSeconds: amounts.cpuSeconds,
  })
  .meta({ id: 'JobUsage' })
export type JobUsage = z.infer<typeof JobUsage>
