import { z } from 'zod'
import { wholeNumber } from './strings.js'

/** From least to most serious. */
export const LogLevel = z.enum(['debug', 'info', 'warn', 'error'])
export type LogLevel = z.infer<typeof LogLevel>

/** What the trainer's process printed, and, as `trainer`, what it told its supervisor. */
export const LogSource = z.enum(['stdout', 'stderr', 'trainer'])
export type LogSource = z.infer<typeof LogSource>

export const LogLine = z
  .object({
    /** Rises with every line of a job, whichever attempt it is of. */
    id: z.int(),
    attempt: z.int(),
    at: z.iso.datetime(),
    level: LogLevel,
    source: LogSource,
    text: z.string(),
  })
  .meta({ id: 'LogLine' })
export type LogLine = z.infer<typeof LogLine>

export const LogReply = z
  .object({
    /** Oldest first. */
    items: z.array(LogLine),
    /** Send it back as `after` to get what came since. */
    cursor: z.int(),
    /** Lines of these attempts that are not kept: each keeps its first and its newest. */
    dropped: z.int(),
    /** The job is over: no line will follow. */
    complete: z.boolean(),
  })
  .meta({ id: 'Logs' })
export type LogReply = z.infer<typeof LogReply>

export const LogQuery = z.strictObject({
  attempt: wholeNumber(1, 2 ** 31 - 1).optional(),
  /** The newest so many lines; left out of account with `after`. */
  tail: wholeNumber(1, 2000).default(200),
  /** Only lines after this cursor, at most 1000, oldest first. */
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  /** Only lines that hold this text, whatever the case. */
  q: z.string().min(1).max(200).optional(),
  /** Only lines of this level or a more serious one. */
  level: LogLevel.optional(),
  /** Seconds to wait for a line when there is none; the reply comes with the first. */
  wait: wholeNumber(0, 20).default(0),
})
export type LogQuery = z.infer<typeof LogQuery>
