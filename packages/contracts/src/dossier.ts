import { z } from 'zod'
import { Sample } from './artifacts.js'
import { Attempt } from './attempts.js'
import { SeriesName, WireNumber } from './curve.js'
import { Job } from './job.js'
import { LogLine } from './logs.js'

/** A key that two specs do not share. */
export const SpecDifference = z.object({
  /** RFC 6901 pointer into the spec. */
  pointer: z.string(),
  /** The values here and there; absent where a spec does not have the key. */
  here: z.unknown().optional(),
  there: z.unknown().optional(),
})
export type SpecDifference = z.infer<typeof SpecDifference>

/** Everything about a failed job that helps to understand it. */
export const Dossier = z
  .object({
    job: Job,
    /** What its reason means, and what to do about it. */
    meaning: z.string(),
    remedy: z.string().nullable(),
    /** Oldest first; the newest points of the curve. */
    points: z.array(z.object({ step: z.int(), criticStep: z.int(), values: z.partialRecord(SeriesName, WireNumber) })),
    /** Newest first. */
    samples: z.array(Sample),
    /** Oldest first. */
    attempts: z.array(Attempt),
    /** The end of its log, oldest first. */
    log: z.array(LogLine),
    /** The succeeded job on the same data whose spec differs least; null when there is none. */
    nearest: z.object({ jobId: z.uuid(), name: z.string(), differences: z.array(SpecDifference) }).nullable(),
  })
  .meta({ id: 'Dossier' })
export type Dossier = z.infer<typeof Dossier>
