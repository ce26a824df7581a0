import { Job, JobSpec, type JobState, type Lint, type PauseCheckpoint, type StartFrom } from '@kantor/contracts'

/** A row of `job` under Prisma's names; the SQL below gives the same shape. */
export interface JobRow {
  id: string
  name: string
  tags: unknown
  notes: string
  priority: number
  revision: number
  state: string
  reason: string
  message: string | null
  spec: unknown
  lint: unknown
  epoch: number
  workerId: string | null
  progress: unknown
  health: unknown
  determinism: string | null
  replayDivergences: number
  notBefore: Date | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  archivedAt: Date | null
  startJobId: string | null
  startCheckpointId: string | null
  startWeightsId: string | null
  sweepId: string | null
  trial: number | null
  importedFrom: unknown
}

/** A job's row inside a transaction: also what the life cycle needs and no reader sees. */
export interface OwnedJobRow extends JobRow {
  state: JobState
  eventSeq: number
  crashes: number
  desired: 'paused' | 'stopped' | null
  pauseCheckpoint: PauseCheckpoint | null
}

/** Select list for `OwnedJobRow`. */
export const jobColumns = `id, name, tags, notes, priority, revision, state, reason, message, spec, lint, epoch,
  worker_id AS "workerId", progress, health, determinism, replay_divergences AS "replayDivergences", not_before AS "notBefore", created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt",
  archived_at AS "archivedAt", start_job_id AS "startJobId", start_checkpoint_id AS "startCheckpointId", start_weights_id AS "startWeightsId",
  sweep_id AS "sweepId", trial, imported_from AS "importedFrom",
  event_seq AS "eventSeq", crashes, desired, pause_checkpoint AS "pauseCheckpoint"`

const Checked = Job.omit({ spec: true })

/**
 * The public job. Its JSON columns are parsed again, so that a shape we no longer know fails here. Its spec may break a rule that came
 * later: that must not make the job, and every list that it stands in, unreadable. `claimJob` refuses it before a worker gets it.
 */
export function toJob(row: JobRow): Job {
  const job = Checked.parse({
    id: row.id,
    name: row.name,
    tags: row.tags,
    notes: row.notes,
    priority: row.priority,
    revision: row.revision,
    state: row.state,
    reason: row.reason,
    message: row.message,
    lint: row.lint,
    attempt: row.epoch,
    worker: row.workerId,
    startFrom: startOf(row),
    sweepId: row.sweepId,
    trial: row.trial,
    importedFrom: row.importedFrom,
    progress: row.progress,
    health: row.health,
    determinism: row.determinism,
    reproducible: row.determinism === 'bitwise' ? row.replayDivergences === 0 : null,
    notBefore: row.notBefore?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    archivedAt: row.archivedAt?.toISOString() ?? null,
  })
  const spec = JobSpec.safeParse(row.spec)
  return { ...job, spec: spec.success ? spec.data : (row.spec as JobSpec) }
}

function startOf({ startJobId, startCheckpointId, startWeightsId }: JobRow): unknown {
  if (startWeightsId !== null) return { weights: startWeightsId }
  return startCheckpointId === null ? null : { jobId: startJobId, checkpoint: startCheckpointId }
}

/** The job that a submission becomes: what `toJob` makes of its row, without reading back and checking what was checked just now. */
export function submittedJob(
  id: string,
  {
    job,
    lint,
    trial,
  }: {
    job: Pick<Job, 'name' | 'tags' | 'notes' | 'priority' | 'spec'> & { startFrom?: StartFrom | undefined }
    lint: Lint[]
    trial?: { sweepId: string; trial: number } | undefined
  },
  createdAt: Date,
): Job {
  return {
    id,
    name: job.name,
    tags: job.tags,
    notes: job.notes,
    priority: job.priority,
    revision: 1,
    state: 'queued',
    reason: 'submitted',
    message: null,
    lint,
    attempt: 0,
    worker: null,
    startFrom: job.startFrom ?? null,
    sweepId: trial?.sweepId ?? null,
    trial: trial?.trial ?? null,
    importedFrom: null,
    progress: null,
    health: null,
    determinism: null,
    reproducible: null,
    notBefore: null,
    createdAt: createdAt.toISOString(),
    startedAt: null,
    finishedAt: null,
    archivedAt: null,
    spec: job.spec,
  }
}
