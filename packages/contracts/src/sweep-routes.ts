// Searches over hyperparameters whose trials are jobs: part of the route table.
import { z } from 'zod'
import { JobState } from './job.js'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'
import { CreateSweep, MAX_TRIALS, Sweep, SweepPlan, Trial } from './sweeps.js'
import { PauseCheckpoint } from './verbs.js'

const Id = z.strictObject({ id: z.uuid() })

/** `best`: by the sweep's objective, those without a value last, and so those that failed or were cancelled. */
export const TrialSort = z.enum(['trial', '-trial', 'best'])
export type TrialSort = z.infer<typeof TrialSort>

export const TrialListQuery = z.strictObject({
  /** One state, or several with commas between. */
  state: z
    .string()
    .transform((given) => given.split(','))
    .pipe(z.array(JobState))
    .optional(),
  sort: TrialSort.default('trial'),
  /** Without it 50 as JSON, all as CSV. */
  limit: wholeNumber(1, MAX_TRIALS).optional(),
  /** `nextCursor` of the page before; belongs to its sort. */
  cursor: z.string().max(200).optional(),
  format: z.enum(['json', 'csv']).default('json'),
})
export type TrialListQuery = z.infer<typeof TrialListQuery>

const verb = <V extends string>(name: V, summary: string) =>
  ({
    method: 'POST',
    path: `/sweeps/:id/${name}`,
    scope: 'submit',
    summary,
    params: Id,
    status: 200,
    reply: Sweep,
  }) as const

export const sweepRoutes = {
  createSweep: {
    method: 'POST',
    path: '/sweeps',
    scope: 'submit',
    summary:
      'Submit a search over hyperparameters: up to 1000 trials, all or none, each a job; with `dryRun=true` only tell what it comes to',
    query: z.strictObject({ dryRun: z.enum(['true', 'false']).default('false') }),
    body: CreateSweep,
    status: 201,
    reply: Sweep,
    dryRun: { status: 200, reply: SweepPlan },
  },
  listSweeps: {
    method: 'GET',
    path: '/sweeps',
    scope: 'read',
    summary: 'Sweeps, newest first',
    query: z.strictObject({ limit: wholeNumber(1, 200).default(50), cursor: z.string().max(200).optional() }),
    status: 200,
    reply: z.object({ items: z.array(Sweep), nextCursor: z.string().nullable() }),
  },
  getSweep: {
    method: 'GET',
    path: '/sweeps/:id',
    scope: 'read',
    summary: 'One sweep: its trials by state, and the best of them',
    params: Id,
    status: 200,
    reply: Sweep,
  },
  listTrials: {
    method: 'GET',
    path: '/sweeps/:id/trials',
    scope: 'read',
    summary: 'The trials of a sweep: parameters, state, medians of every series',
    params: Id,
    query: TrialListQuery,
    status: 200,
    reply: z.object({ items: z.array(Trial), nextCursor: z.string().nullable() }),
    replyAlso: ['text/csv'],
  },
  pauseSweep: {
    ...verb('pause', 'Pause every trial that is not over: those that wait at once, those at work with a checkpoint'),
    body: z.strictObject({ checkpoint: PauseCheckpoint.default('save') }),
  },
  resumeSweep: verb('resume', 'Put every paused trial back into the queue'),
  stopSweep: verb('stop', 'End every trial early; those at work leave a usable model'),
  cancelSweep: verb('cancel', 'Cancel every trial that is not over; once more is no error'),
} as const satisfies Record<string, Route>
