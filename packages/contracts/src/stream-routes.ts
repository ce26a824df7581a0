// What a job does, as it happens: part of the route table.
import { z } from 'zod'
import { Sample } from './artifacts.js'
import { SeriesName, WireNumber } from './curve.js'
import { JobEvent, JobState } from './job.js'
import { LogLine } from './logs.js'
import type { Route } from './routes.js'

/** The newest point of the curve, at most once a second; the points between are in the curve, by its `seq`. */
const NewestPoint = z.object({
  seq: z.int(),
  step: z.int(),
  criticStep: z.int(),
  values: z.partialRecord(SeriesName, WireNumber),
})

/** One server-sent event of `GET /jobs/:id/stream`. `id` is what a reader sends as Last-Event-ID to go on behind it. */
export const StreamEvent = z.discriminatedUnion('event', [
  z.object({ id: z.string(), event: z.literal('state'), data: JobEvent }),
  z.object({ id: z.string(), event: z.literal('metric'), data: NewestPoint }),
  z.object({ id: z.string(), event: z.literal('sample'), data: Sample }),
  z.object({ id: z.string(), event: z.literal('log'), data: LogLine }),
  /** The job is over and everything was told; the stream ends. */
  z.object({ id: z.string(), event: z.literal('end'), data: z.object({ state: JobState }) }),
])
export type StreamEvent = z.infer<typeof StreamEvent>

export const streamRoutes = {
  streamJob: {
    method: 'GET',
    path: '/jobs/:id/stream',
    scope: 'read',
    summary:
      'Server-sent events: state, metric, sample, log, and end when the job is over. With Last-Event-ID everything since that one; ' +
      '204 when the job is over and there is nothing more',
    params: z.strictObject({ id: z.uuid() }),
    status: 200,
    reply: 'text/event-stream',
  },
} as const satisfies Record<string, Route>
