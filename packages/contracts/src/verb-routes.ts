// What can be asked of a job that exists: part of the route table.
import { z } from 'zod'
import { about, Job, JobState, PatchJob } from './job.js'
import { JobSpecInput } from './job-spec.js'
import type { Route } from './routes.js'
import { instant } from './strings.js'
import { PauseCheckpoint } from './verbs.js'

const Id = z.strictObject({ id: z.uuid() })

const PauseJob = z.strictObject({ checkpoint: PauseCheckpoint.default('save') })

/** A new job that goes on from a checkpoint of this one. `spec` is laid over this one's; what is absent is inherited. */
export const ForkJob = z.strictObject({
  /** Default: the newest good one. */
  checkpoint: z.uuid().optional(),
  ...z.object(about).partial().shape,
  spec: JobSpecInput.partial().optional(),
})
export type ForkJob = z.infer<typeof ForkJob>

export const BulkAction = z.enum(['pause', 'resume', 'stop', 'cancel', 'retry', 'archive', 'unarchive', 'delete'])
export type BulkAction = z.infer<typeof BulkAction>

/** Jobs that one call may name or match. */
export const MAX_BULK = 1000

const JobsFilter = z
  .strictObject({
    state: z.array(JobState).min(1),
    tags: z.record(z.string().max(64), z.string().max(200)),
    name: z.string().max(200),
    createdBefore: instant,
  })
  .partial()
  .refine((filter) => Object.keys(filter).length > 0, {
    message: 'must name at least one criterion, so that nothing reaches every job by accident',
    params: { code: 'required' },
  })
export type JobsFilter = z.infer<typeof JobsFilter>

/** One action on many jobs, named by their ids or matched by a filter; archived ones are matched only by `unarchive` and `delete`. */
export const ActOnJobs = z
  .strictObject({
    action: BulkAction,
    ids: z.array(z.uuid()).min(1).max(MAX_BULK).optional(),
    filter: JobsFilter.optional(),
    /** For `pause`. */
    checkpoint: PauseCheckpoint.optional(),
  })
  .refine(({ ids, filter }) => (ids === undefined) !== (filter === undefined), {
    message: 'give either ids or filter',
    params: { code: 'conflicting-options' },
  })
  .refine(({ action, checkpoint }) => action === 'pause' || checkpoint === undefined, {
    path: ['checkpoint'],
    message: 'belongs to pause',
    params: { code: 'conflicting-options' },
  })
export type ActOnJobs = z.infer<typeof ActOnJobs>

/** What became of each job: its state now (for `retry` that of the new job, whose id is `newJobId`), or why nothing changed. */
export const ActResult = z.object({
  id: z.uuid(),
  ok: z.boolean(),
  state: JobState.nullable(),
  newJobId: z.uuid().optional(),
  error: z.object({ code: z.string(), detail: z.string(), allowed: z.array(z.string()).optional() }).optional(),
})
export type ActResult = z.infer<typeof ActResult>

const verb = <V extends string>(name: V, summary: string) =>
  ({
    method: 'POST',
    path: `/jobs/:id/${name}`,
    scope: 'submit',
    summary,
    params: Id,
    status: 200,
    reply: Job,
  }) as const

export const verbRoutes = {
  pauseJob: {
    ...verb('pause', 'Pause a job: it saves a checkpoint first, or falls back to the newest one'),
    body: PauseJob,
  },
  resumeJob: verb('resume', 'Put a paused job back into the queue'),
  stopJob: verb('stop', 'End a job early with a usable model'),
  cancelJob: verb('cancel', 'Cancel a job; once more is no error'),
  archiveJob: verb('archive', 'Leave a job that is over out of the lists'),
  unarchiveJob: verb('unarchive', 'Put an archived job back into the lists'),
  retryJob: {
    ...verb('retry', 'A new job that goes on where this one failed, was stopped or cancelled'),
    status: 201,
  },
  forkJob: {
    ...verb('fork', 'A new job that starts from a checkpoint of this one, with changes'),
    body: ForkJob,
    status: 201,
  },
  patchJob: {
    method: 'PATCH',
    path: '/jobs/:id',
    scope: 'submit',
    summary: 'Change name, tags, notes or priority',
    params: Id,
    body: PatchJob,
    ifMatch: true,
    status: 200,
    reply: Job,
  },
  deleteJob: {
    method: 'DELETE',
    path: '/jobs/:id',
    scope: 'submit',
    summary: 'Delete a job that is over, with all its curve, samples and checkpoints',
    params: Id,
    status: 200,
    reply: z.object({ id: z.uuid(), deleted: z.literal(true) }),
  },
  actOnJobs: {
    method: 'POST',
    path: '/jobs/actions',
    scope: 'submit',
    summary: 'One action on many jobs, each by itself',
    body: ActOnJobs,
    status: 200,
    reply: z.object({
      results: z.array(ActResult),
      /** The filter matches more jobs than one call takes: ask again. */
      more: z.boolean(),
    }),
  },
} as const satisfies Record<string, Route>
