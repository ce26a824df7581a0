import { z } from 'zod'
import { SeriesName } from './curve.js'
import { CriticHealth } from './health.js'
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
  /** The newest value of each series, under the same rule. Workers of earlier releases did not tell it. */
  latest: z.partialRecord(SeriesName, z.number().nullable()).optional(),
})
export type Progress = z.infer<typeof Progress>

/** A checkpoint of a job, by its id; or weights that were uploaded, by theirs. */
export const StartFrom = z
  .union([z.strictObject({ jobId: z.uuid(), checkpoint: z.uuid() }), z.strictObject({ weights: z.uuid() })])
  .meta({ id: 'StartFrom' })
export type StartFrom = z.infer<typeof StartFrom>

/** Where an imported job comes from, and what it was called there. Its events, attempts and times are of there too. */
export const ImportedFrom = z
  .object({
    jobId: z.uuid(),
    /** The service that exported it, under the name by which it was asked. */
    host: z.string(),
    createdAt: z.iso.datetime(),
    /** The checkpoint there that it started from. */
    startFrom: StartFrom.nullable(),
  })
  .meta({ id: 'ImportedFrom' })
export type ImportedFrom = z.infer<typeof ImportedFrom>

/** Something in a spec that is legal and probably not meant. */
export const Lint = z
  .object({
    code: z.string(),
    /** RFC 6901, into the body of `POST /jobs`. */
    pointer: z.string(),
    message: z.string(),
    /** Where it is known from: a paper and its section, a thread, a page of the documentation. Jobs of earlier releases lack it. */
    citation: z.string().nullable().default(null),
    /** What to write instead: an RFC 7396 merge patch of the spec; null where there is no single answer. */
    suggestion: z.record(z.string(), z.unknown()).nullable().default(null),
  })
  .meta({ id: 'Lint' })
export type Lint = z.infer<typeof Lint>

/** What keeps a queued job from starting, the most lasting cause first. */
const WaitingReason = z.enum([
  'no_worker',
  'no_matching_device',
  'backing_off',
  'key_limit',
  'sweep_limit',
  'slots_busy',
  'next',
])
export type WaitingReason = z.infer<typeof WaitingReason>

export const Waiting = z
  .object({
    reason: WaitingReason,
    /** Queued jobs that start before it and could take a slot that it can take. */
    jobsAhead: z.int(),
    /** When it starts, if what runs now ends as expected; null when that cannot be told. */
    eta: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Waiting' })
export type Waiting = z.infer<typeof Waiting>

export const Job = z
  .object({
    id: z.uuid(),
    name: z.string(),
    tags: z.record(z.string(), z.string()),
    notes: z.string(),
    priority: z.int(),
    /** Rises with every change of name, tags, notes or priority. As `If-Match` of a PATCH it keeps that from undoing another's change. */
    revision: z.int(),
    state: JobState,
    reason: Reason,
    /** For people: what happened and what to do about it. */
    message: z.string().nullable(),
    spec: JobSpec,
    lint: z.array(Lint),
    /** Number of claims so far; the newest attempt's number fences all writes. */
    attempt: z.int(),
    worker: z.string().nullable(),
    /** The checkpoint of another job, or the uploaded weights, that it starts from; null for one from scratch. */
    startFrom: StartFrom.nullable(),
    /** The sweep that it is a trial of, and which; null for a job of its own. */
    sweepId: z.uuid().nullable(),
    trial: z.int().nullable(),
    /** Null for a job that was submitted here. */
    importedFrom: ImportedFrom.nullable(),
    progress: Progress.nullable(),
    /** How its critic is doing; null before the first look at it. */
    health: CriticHealth.nullable(),
    /** Whether the same spec gives the same bits again on a machine like its own; null before the first step. */
    determinism: z.enum(['bitwise', 'best-effort']).nullable(),
    /** False once a resumed attempt computed a step again and got other bits; null while nothing promises equal ones. */
    reproducible: z.boolean().nullable(),
    /** A queued job that crashed is not tried again before this; null when nothing holds it back. */
    notBefore: z.iso.datetime().nullable(),
    /** Told by GET of one job while it is queued, and by lists that are asked for this field; up to two seconds old when more than 1 000 are. */
    waiting: Waiting.optional(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    /** Archived jobs are left out of lists that do not ask for them. */
    archivedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Job' })
export type Job = z.infer<typeof Job>

/** What stays mutable after the submission. */
export const about = {
  name: text(200).min(1),
  tags: z.record(text(64).min(1), text(200)).refine((tags) => Object.keys(tags).length <= 50, {
    message: 'at most 50 tags',
    params: { code: 'too-long' },
  }),
  notes: text(10_000),
  /** 1 to 1000; a lower number starts sooner. */
  priority: z.int().min(1).max(1000),
}

/** Changes to a job: what is absent stays, `tags` are replaced as a whole. */
export const PatchJob = z
  .strictObject(about)
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, {
    message: 'give at least one of name, tags, notes, priority',
    params: { code: 'required' },
  })
export type PatchJob = z.infer<typeof PatchJob>

export const CreateJob = z.strictObject({
  name: about.name.default('untitled'),
  tags: about.tags.default({}),
  notes: about.notes.default(''),
  priority: about.priority.default(100),
  /** Laid under `spec` before it is validated; not stored. */
  preset: Preset.optional(),
  /**
   * Go on from a checkpoint of another job: its weights, its step, and its optimizer's slots when the kind is the same. Or begin at step 0
   * with uploaded weights and a fresh optimizer.
   */
  startFrom: StartFrom.optional(),
  spec: JobSpecInput,
})
export type CreateJob = z.infer<typeof CreateJob>
export type CreateJobInput = z.input<typeof CreateJob>

/** A batch is one request: all of its jobs come into being, or none. */
export const CreateJobs = z.strictObject({ jobs: z.array(CreateJob).min(1).max(1000) })
export type CreateJobs = z.infer<typeof CreateJobs>

/** A move from one state to another, or, where `from` and `to` are the same, something worth telling within a state: a wait, a change by a person. */
export const JobEvent = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    actor: z.string(),
    from: JobState.nullable(),
    to: JobState,
    reason: Reason,
    message: z.string().nullable(),
    /** Where the curve was, for what is about the curve: an alert. */
    step: z.int().optional(),
  })
  .meta({ id: 'JobEvent' })
export type JobEvent = z.infer<typeof JobEvent>
