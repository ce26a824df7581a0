import { z } from 'zod'
import { JobSpec, JobSpecInput, Preset } from './job-spec.js'
import { Reason } from './reasons.js'
import { text } from './strings.js'

export const JobState = z
  .enum([
    'queued',
    'starting',
    'running',
    'pausing',
    'paused',
    'stopping',
    'stopped',
    'cancelling',
    'cancelled',
    'succeeded',
    'failed',
  ])
  .meta({ id: 'JobState' })
export type JobState = z.infer<typeof JobState>

/** A worker's attempt holds the lease in these; every write of a worker is fenced by `epoch = mine AND state IN owned`. */
export const ownedStates = ['starting', 'running', 'pausing', 'stopping', 'cancelling'] as const satisfies JobState[]
export const terminalStates = ['stopped', 'cancelled', 'succeeded', 'failed'] as const satisfies JobState[]

export const isTerminal = (state: JobState): boolean => (terminalStates as readonly JobState[]).includes(state)
export const isOwned = (state: JobState): boolean => (ownedStates as readonly JobState[]).includes(state)

/** The only moves there are. The database enforces this table inside the transaction that makes the move. */
export const transitions: Record<JobState, readonly JobState[]> = {
  queued: ['starting', 'paused', 'stopped', 'cancelled', 'failed'],
  starting: ['running', 'queued', 'pausing', 'stopping', 'cancelling', 'failed'],
  running: ['succeeded', 'pausing', 'stopping', 'cancelling', 'queued', 'failed'],
  pausing: ['paused', 'queued', 'stopping', 'cancelling', 'succeeded', 'failed'],
  paused: ['queued', 'cancelled', 'stopped', 'failed'],
  stopping: ['stopped', 'queued', 'cancelling', 'succeeded', 'failed'],
  stopped: [],
  cancelling: ['cancelled', 'failed'],
  cancelled: [],
  succeeded: [],
  failed: [],
}

export const Progress = z.object({
  /** Generator steps done, and the step at which the budget ends (null when only seconds bound it). */
  step: z.int(),
  totalSteps: z.int().nullable(),
  criticSteps: z.int(),
  epoch: z.int(),
  stepsPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  /** The newest Wasserstein estimate; null when there is none or it is not finite. */
  wEstimate: z.number().nullable(),
})
export type Progress = z.infer<typeof Progress>

export const Lint = z.object({ code: z.string(), pointer: z.string(), message: z.string() })
export type Lint = z.infer<typeof Lint>

export const Job = z
  .object({
    id: z.uuid(),
    name: z.string(),
    tags: z.record(z.string(), z.string()),
    notes: z.string(),
    priority: z.int(),
    state: JobState,
    reason: Reason,
    /** For people: what happened and what to do about it. */
    message: z.string().nullable(),
    spec: JobSpec,
    lint: z.array(Lint),
    /** Number of claims so far; the newest attempt's number fences all writes. */
    attempt: z.int(),
    worker: z.string().nullable(),
    progress: Progress.nullable(),
    /** Whether the same spec gives the same bits again on a machine like its own; null before the first step. */
    determinism: z.enum(['bitwise', 'best-effort']).nullable(),
    /** False once a resumed attempt computed a step again and got other bits; null while nothing promises equal ones. */
    reproducible: z.boolean().nullable(),
    /** A queued job that crashed is not tried again before this; null when nothing holds it back. */
    notBefore: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Job' })
export type Job = z.infer<typeof Job>

export const CreateJob = z.strictObject({
  name: text(200).min(1).default('untitled'),
  tags: z
    .record(text(64).min(1), text(200))
    .refine((tags) => Object.keys(tags).length <= 50, {
      message: 'at most 50 tags',
      params: { code: 'too-long' },
    })
    .default({}),
  notes: text(10_000).default(''),
  /** 1 to 1000; a lower number starts sooner. */
  priority: z.int().min(1).max(1000).default(100),
  /** Laid under `spec` before it is validated; not stored. */
  preset: Preset.optional(),
  spec: JobSpecInput,
})
export type CreateJob = z.infer<typeof CreateJob>
export type CreateJobInput = z.input<typeof CreateJob>

/** A batch is one request: all of its jobs come into being, or none. */
export const CreateJobs = z.strictObject({ jobs: z.array(CreateJob).min(1).max(1000) })
export type CreateJobs = z.infer<typeof CreateJobs>

/** A move from one state to another, or, where `from` and `to` are the same, something worth telling within a state. */
export const JobEvent = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    actor: z.string(),
    from: JobState.nullable(),
    to: JobState,
    reason: Reason,
    message: z.string().nullable(),
  })
  .meta({ id: 'JobEvent' })
export type JobEvent = z.infer<typeof JobEvent>
