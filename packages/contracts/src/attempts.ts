import { z } from 'zod'
import { JobState } from './job.js'
import { Reason } from './reasons.js'

/** One claim of a job by one worker: where it ran, how far it came, what it used, and how it ended. */
export const Attempt = z
  .object({
    /** Counts from 1; the number that fences its writes. */
    attempt: z.int(),
    worker: z.string(),
    /** Of the worker, as it was registered; null when it was not. */
    host: z.string().nullable(),
    deviceClass: z.enum(['cpu', 'gpu']).nullable(),
    device: z.string().nullable(),
    startedAt: z.iso.datetime(),
    /** Null while it runs. */
    endedAt: z.iso.datetime().nullable(),
    /** The step that it went on from, and the newest one that it told of. */
    fromStep: z.int(),
    toStep: z.int().nullable(),
    /** The job's state when the attempt ended, with reason and message. */
    outcome: JobState.nullable(),
    reason: Reason.nullable(),
    message: z.string().nullable(),
    /** What its trainer promised of its bits; null before its first step. */
    determinism: z.enum(['bitwise', 'best-effort']).nullable(),
    /** Writes that came after another attempt had the job, or after it was over: all refused. Above 0, a worker did not know that it had lost the job. */
    fencedWrites: z.int(),
    /** How its trainer's process ended; null when there was none, or nobody saw it end. */
    exit: z.object({ code: z.int().nullable(), signal: z.string().nullable() }).nullable(),
    usage: z.object({
      /** From the claim to the end, or until now. */
      seconds: z.number(),
      /** The same on a GPU, 0 elsewhere. */
      gpuSeconds: z.number(),
      /** Processor time of the trainer's threads, told every few seconds; null before that. */
      cpuSeconds: z.number().nullable(),
    }),
  })
  .meta({ id: 'Attempt' })
export type Attempt = z.infer<typeof Attempt>
