import { type Dataset, type Job, JobSpec, type JobState, type PauseCheckpoint, type Progress } from '@kantor/contracts'
import { type AttemptEnd, endAttempt } from './attempts.js'
import { newestCheckpointIn, startCheckpointIn, type StoredCheckpoint } from './checkpoints.js'
import { type Database, query, transaction, type Transaction } from './database.js'
import { findDataset } from './datasets.js'
import { ticketCounts } from './dispatch-order.js'
import { countRefusal, type Fence, fenced, fencedTransaction, leaseOf } from './fence.js'
import { jobColumns, type OwnedJobRow, toJob } from './job-row.js'
import { startWeightsIn, type StoredWeights } from './weights.js'
import { rollBacksOf } from './roll-back.js'
import { appendEvent, moveJob, type Note, noteJob } from './transition.js'

export interface ClaimRequest {
  jobId: string
  workerId: string
  /** How long the claim holds without a renewal, on the database's clock. */
  leaseSeconds: number
  /** Of the ticket that led here. One that was taken back, or drawn again since, or is too old claims nothing: others may be before it now. */
  ticketNo?: number | undefined
}

export interface Claim {
  job: Job
  /** The attempt's number: the fence of every write that follows. */
  epoch: number
  dataset: Dataset
  /** The newest checkpoint that is not quarantined. */
  resume: StoredCheckpoint | null
  /** Without one to resume from: the checkpoint of another job that this one starts from. */
  start: StoredCheckpoint | null
  /** Without either: uploaded weights that it starts from. */
  weights: StoredWeights | null
  /** How often a remedy took the job back so far. */
  rollBacks: number
  /** Of the request that submitted the job; null when it was not traced. */
  traceparent: string | null
}

/**
 * Takes a queued job: of any number of claimers one wins, the others get null. So does one whose ticket counts no more, a worker that is
 * draining, unfit or of another device class than the job asks for, and one that would run more of a key's, or a sweep's, jobs than may run at once. A pause or stop that
 * an earlier attempt left unfinished is taken up at once: `job.state` is then `pausing` or `stopping`.
 */
export async function claimJob(db: Database, request: ClaimRequest): Promise<Claim | null> {
  return transaction(db, async (tx) => {
    if (await isRefused(tx, request)) {
      // Its ticket is spent: the job gets another at the dispatcher's next look.
      await tx.query(`UPDATE job SET ticketed_at = NULL WHERE id = $1 AND state = 'queued'`, [request.jobId])
      return null
    }
    // Two claimers meet at the row's lock; the second then sees that the state is no longer queued and updates nothing.
    const { rows } = await tx.query<OwnedJobRow & { traceparent: string | null }>(
      `UPDATE job SET state = 'starting', reason = 'claimed', message = NULL, not_before = NULL, epoch = epoch + 1, event_seq = event_seq + 1,
         worker_id = $2, lease_until = ${leaseOf('$3')},
         started_at = coalesce(started_at, clock_timestamp())
       WHERE id = $1 AND state = 'queued' AND ${ticketed('$4')} RETURNING ${jobColumns}, traceparent`,
      [request.jobId, request.workerId, request.leaseSeconds, request.ticketNo ?? null],
    )
    const claimed = rows[0]
    if (!claimed) return null
    await appendEvent(tx, 'queued', claimed, { to: 'starting', reason: 'claimed', actor: request.workerId })

    const resume = await newestCheckpointIn(tx, claimed.id)
    const start = resume ? null : await startCheckpointIn(tx, claimed)
    const weights = resume ? null : await startWeightsIn(tx, claimed)
    await tx.query(
      `INSERT INTO attempt (job_id, epoch, worker_id, resume_step, host, device_class, device)
       SELECT $1, $2, $3, $4, host, device_class, device FROM (SELECT) AS attempt LEFT JOIN worker ON worker.id = $3`,
      [claimed.id, claimed.epoch, request.workerId, (resume ?? start)?.step ?? null],
    )
    // A row of an earlier release may break a rule that came later; left queued it would be claimed in vain for ever.
    const spec = JobSpec.safeParse(claimed.spec)
    if (!spec.success) {
      const faults = spec.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
      const message = `this release does not take the spec of this job: ${faults.join('; ')}`
      await endAttempt(tx, claimed, { to: 'failed', reason: 'invalid_spec', message }, request.workerId)
      return null
    }
    const dataset = await findDataset(tx, spec.data.dataset)
    if (!dataset) {
      const message = 'the dataset of this job is not registered; import it and submit the job again'
      await endAttempt(tx, claimed, { to: 'failed', reason: 'dataset_error', message }, request.workerId)
      return null
    }
    const rollBacks = await rollBacksOf(tx, claimed.id)
    const job = await takeUpDesired(tx, claimed, request.workerId)
    return {
      job: toJob(job),
      epoch: job.epoch,
      dataset,
      resume,
      start,
      weights,
      rollBacks,
      traceparent: claimed.traceparent,
    }
  })
}

/** Whether the number is that of the job's ticket, or null. */
const ticketed = (ticketNo: string) => `(${ticketNo}::int IS NULL OR (job.ticket_no = ${ticketNo} AND ${ticketCounts}))`

/** Whether this worker may not have this job now. */
async function isRefused(tx: Transaction, { jobId, workerId, ticketNo }: ClaimRequest): Promise<boolean> {
  const { rows } = await tx.query<{ keyId: string | null; sweepId: string | null; unfit: boolean }>(
    `SELECT api_key.id AS "keyId", sweep.id AS "sweepId",
       coalesce(draining OR unusable IS NOT NULL OR job.device NOT IN ('any', device_class), false) AS unfit
     FROM job LEFT JOIN worker ON worker.id = $2 LEFT JOIN api_key ON api_key.id = key_id AND api_key.max_running IS NOT NULL
       LEFT JOIN sweep ON sweep.id = sweep_id AND sweep.max_running IS NOT NULL
     WHERE job.id = $1 AND state = 'queued' AND ${ticketed('$3')}`,
    [jobId, workerId, ticketNo ?? null],
  )
  const [found] = rows
  if (!found || found.unfit) return found?.unfit ?? false
  // Always in this order: two claims that need both locks must not wait for each other.
  return (await isFull(tx, 'api_key', found.keyId)) || (await isFull(tx, 'sweep', found.sweepId))
}

/** Whether as many jobs of a key or sweep run as may. Its row stays locked, so that two claims cannot both be the last one allowed. */
async function isFull(tx: Transaction, table: 'api_key' | 'sweep', id: string | null): Promise<boolean> {
  if (id === null) return false
  const limit = await tx.query<{ maxRunning: number | null }>(
    `SELECT max_running AS "maxRunning" FROM ${table} WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  )
  const running = await tx.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM job WHERE ${table === 'sweep' ? 'sweep_id' : 'key_id'} = $1 AND lease_until IS NOT NULL`,
    [id],
  )
  const maxRunning = limit.rows[0]?.maxRunning ?? null
  return maxRunning !== null && running.rows[0]!.n >= maxRunning
}

async function takeUpDesired(tx: Transaction, job: OwnedJobRow, actor: string): Promise<OwnedJobRow> {
  if (job.desired === null) return job
  const to = job.desired === 'paused' ? 'pausing' : 'stopping'
  return moveJob(tx, job, { to, reason: 'user', actor })
}

export interface Renewal {
  leaseSeconds: number
  progress?: Progress | undefined
  /** Processor time of the trainer so far. */
  cpuSeconds?: number | undefined
}

/** What a worker learns of its job: a state of going down, and for `pausing` whether to save first. */
export interface Renewed {
  state: JobState
  pauseCheckpoint: PauseCheckpoint | null
}

/** Holds the lease for another `leaseSeconds`. The reply is how a worker learns what is wished of the job; null = fenced. */
export async function renewLease(db: Database, fence: Fence, renewal: Renewal): Promise<Renewed | null> {
  const rows = await query<Renewed>(
    db,
    `WITH held AS (
       UPDATE job SET lease_until = ${leaseOf('$3')}, progress = coalesce($4, progress)
       WHERE ${fenced} RETURNING state, pause_checkpoint AS "pauseCheckpoint"
     ), told AS (
       UPDATE attempt SET to_step = coalesce($5, to_step), cpu_seconds = coalesce($6, cpu_seconds)
       FROM held WHERE job_id = $1 AND epoch = $2
     )
     SELECT * FROM held`,
    [
      fence.jobId,
      fence.epoch,
      renewal.leaseSeconds,
      renewal.progress ?? null,
      renewal.progress?.step ?? null,
      renewal.cpuSeconds ?? null,
    ],
  )
  if (!rows[0]) await countRefusal(db, fence)
  return rows[0] ?? null
}

/**
 * starting → running at the first step; changes nothing when the job is past that. What the trainer promises of its bits is noted with
 * the job and the attempt. FencedError.
 */
export async function markRunning(db: Database, fence: Fence, determinism: Job['determinism'] = null): Promise<void> {
  await fencedTransaction(db, fence, async (tx, job) => {
    if (determinism !== null) {
      await tx.query('UPDATE job SET determinism = $2 WHERE id = $1', [fence.jobId, determinism])
      await tx.query('UPDATE attempt SET determinism = $3 WHERE job_id = $1 AND epoch = $2', [
        fence.jobId,
        fence.epoch,
        determinism,
      ])
    }
    if (job.state !== 'starting') return
    await moveJob(tx, job, { to: 'running', reason: 'first_step', actor: job.workerId! })
  })
}

/** Tells something while the job goes on: an event from its state to itself, and its reason while it is at work. FencedError. */
export async function noteAttempt(db: Database, fence: Fence, note: Omit<Note, 'actor'>): Promise<void> {
  await fencedTransaction(db, fence, (tx, job) => noteJob(tx, job, { ...note, actor: job.workerId! }))
}

/**
 * Ends the attempt. Three requeues for a crash (of trainer, worker or lease) without a new checkpoint between them
 * end in `failed (poison)`; a job being cancelled ends `cancelled` whatever `to` says. FencedError; AppError `invalid-state`
 * for a move that the table of contracts does not have. The job in the reply says what became of it.
 */
export async function finishAttempt(db: Database, fence: Fence, end: AttemptEnd): Promise<Job> {
  return fencedTransaction(db, fence, async (tx, job) => {
    const actor = job.workerId!
    // The trainer can be done before the worker's `markRunning` arrives.
    const early = job.state === 'starting' && end.to === 'succeeded'
    const running = early ? await moveJob(tx, job, { to: 'running', reason: 'first_step', actor }) : job
    // One that ends itself early, by a remedy of its spec.
    const own = running.state === 'running' && end.to === 'stopped'
    const stopping = own ? await moveJob(tx, running, { to: 'stopping', reason: end.reason, actor }) : running
    return toJob(await endAttempt(tx, stopping, end, actor))
  })
}
