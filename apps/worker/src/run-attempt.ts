// One attempt of one job, from claim to booking. Reads top to bottom.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, type Job, planBudget, type Reason } from '@kantor/contracts'
import { DatasetChanged, pointDataset, prepareImages } from '@kantor/datasets'
import {
  appendLog,
  claimJob,
  type Claim,
  type ClaimRequest,
  type Database,
  type Fence,
  FencedError,
  finishAttempt,
  markRunning,
  noteAttempt,
  noteHealth,
  noteRemedy,
  quarantineCheckpoint,
  type Renewed,
  renewLease,
  rollbackCurve,
} from '@kantor/db'
import { crashpoint, type Logger, type Tracing } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { Intent, Interrupted, type Wish } from './intent.js'
import { holdLease } from './lease.js'
import { outlast } from './patience.js'
import { createPersister, StorageRefused } from './persist-event.js'
import { ProgressMeter } from './progress.js'
import { fetchResume, fetchStart, StartFailed } from './resume.js'
import { superviseTrainer } from './supervise-trainer.js'
import { collectTrainerLog } from './trainer-log.js'
import type { Obstacle, Start } from './trainer/protocol.js'
import type { TrainerDevice, TrainerEnd } from './trainer-process.js'
import { judge, type Verdict } from './verdict.js'

export interface WorkerDeps {
  db: Database
  store: ObjectStore
  log: Logger
  workerId: string
  /** Spool and caches live below it. */
  dataDir: string
  leaseSeconds: number
  /** A trainer without progress for so long is killed; twenty of its usual steps are always allowed. */
  stallSeconds: number
  device: TrainerDevice
  /** Attempts are traced with it. */
  tracing?: Tracing | undefined
}

/** `preempt`: checkpoint and hand the job back. `abandon`: kill the trainer, hand it back as it is. */
export interface Shutdown {
  preempt: AbortSignal
  abandon: AbortSignal
}

export type AttemptOutcome = 'unclaimed' | 'fenced' | Job['state']

/** Claims the job and works on it until it is booked. Rejects only when claiming or booking fails for good. */
export async function runAttempt(
  deps: WorkerDeps,
  { jobId, ticketNo }: Pick<ClaimRequest, 'jobId' | 'ticketNo'>,
  shutdown: Shutdown,
): Promise<AttemptOutcome> {
  if (shutdown.preempt.aborted) return 'unclaimed'
  const claimedAt = performance.now()
  crashpoint('claim-before')
  const claim = await claimJob(deps.db, { jobId, ticketNo, workerId: deps.workerId, leaseSeconds: deps.leaseSeconds })
  if (!claim) return 'unclaimed'
  crashpoint('claim-after')

  const fence: Fence = { jobId, epoch: claim.epoch }
  const span = deps.tracing?.start('attempt', {
    kind: 'consumer',
    parent: claim.traceparent,
    attributes: { 'kantor.job_id': jobId, 'kantor.attempt': claim.epoch, 'kantor.worker': deps.workerId },
  })
  const log = deps.log.child({ jobId, attempt: claim.epoch, ...(span && { traceId: span.traceId }) })
  log.info({ spec: claim.job.spec, resumeStep: claim.resume?.step ?? null }, 'claimed')
  const intent = new Intent()
  // A pause or stop that an earlier attempt left unfinished: nothing must be begun, or rolled back, before it is heeded.
  if (claim.job.state === 'pausing') intent.raise('pause')
  if (claim.job.state === 'stopping') intent.raise('stop')
  const stopFollowing = follow(shutdown, intent)
  const meter = new ProgressMeter(claim.job.spec, planBudget(claim.job.spec, claim.dataset.numImages))
  const trainer: TrainerTold = {}
  const { db, leaseSeconds } = deps
  const lease = holdLease(
    {
      leaseSeconds,
      renew: () => renewLease(db, fence, { leaseSeconds, progress: meter.current(), cpuSeconds: trainer.cpuSeconds }),
      heed: (renewed) => heed(renewed, intent),
      onLost: () => intent.raise('lost'),
      log,
    },
    claimedAt,
  )
  const spool = join(deps.dataDir, 'spool', `${jobId}-${claim.epoch}`)
  let outcome: AttemptOutcome | undefined
  try {
    const verdict = await train({ ...deps, log }, { claim, fence, intent, meter, trainer, spool })
    // From here on only the booking matters, and it is fenced by itself.
    await lease.release()
    outcome = await book(db, fence, verdict, { intent, meter, trainer, log })
    return outcome
  } finally {
    await lease.release()
    stopFollowing()
    await rm(spool, { recursive: true, force: true })
    span?.end({
      attributes: { 'kantor.outcome': outcome, 'kantor.step': meter.current()?.step },
      failure: outcome === 'failed' || outcome === undefined ? 'the attempt failed' : undefined,
    })
  }
}

function heed({ state, pauseCheckpoint }: Renewed, intent: Intent): void {
  if (state === 'cancelling') intent.raise('cancel')
  if (state === 'stopping') intent.raise('stop')
  if (state === 'pausing') intent.raise(pauseCheckpoint === 'latest' ? 'halt' : 'pause')
}

/** What is known of the trainer's process, for the attempt's record. */
interface TrainerTold {
  cpuSeconds?: number
  end?: TrainerEnd
}

interface Attempt {
  claim: Claim
  fence: Fence
  intent: Intent
  meter: ProgressMeter
  trainer: TrainerTold
  spool: string
}

async function train(deps: WorkerDeps, { claim, fence, intent, meter, trainer, spool }: Attempt): Promise<Verdict> {
  const { db, store, log } = deps
  const { spec } = claim.job
  const patience = { signal: intent.reached('preempt'), log }
  let broken: unknown
  try {
    await outlast('spool', () => mkdir(spool, { recursive: true, mode: 0o700 }), patience)
    const data = await outlast(
      'dataset',
      () => prepareData(claim.dataset, { spec, store, cacheDir: join(deps.dataDir, 'images') }),
      patience,
    ).catch((error: unknown) => {
      throw error instanceof AppError ? new DatasetFailed(error) : error
    })
    const resume = await fetchResume({ db, store, fence, newest: claim.resume, directory: spool, ...patience })
    const { start, weights } = claim
    const fetch = (object: Parameters<typeof fetchStart>[0]['object'], what: string) =>
      fetchStart({ store, object, what, directory: spool, ...patience })
    const startFile = resume || !start ? null : await fetch(start, `checkpoint ${start.id} of job ${start.jobId}`)
    const weightsFile = resume || !weights ? null : await fetch(weights, `the object of the weights ${weights.id}`)
    const from = resume?.step ?? start?.step ?? 0
    if (fence.epoch > 1) await outlast('curve rollback', () => rollbackCurve(db, fence, from), patience)

    const fail = (error: unknown) => {
      if (error instanceof Interrupted) return
      broken ??= error
      intent.raise(error instanceof FencedError ? 'lost' : 'abandon')
    }
    // One after another: the end of a standstill must not be told before its beginning.
    let told: Promise<void> = Promise.resolve()
    const tell = (what: string, action: () => Promise<void>) => {
      told = told.then(() => outlast(what, action, { signal: intent.reached('abandon'), log })).catch(fail)
    }
    const trainerLog = collectTrainerLog({ write: (lines, dropped) => appendLog(db, fence, lines, dropped), log })
    const persister = createPersister({
      db,
      store,
      fence,
      law: claim.dataset.law,
      classes: spec.model.classes,
      retention: spec.checkpoint,
      intent,
      log,
      onError: fail,
    })
    const { last, end } = await superviseTrainer({
      start: {
        spec,
        data,
        spoolDirectory: spool,
        resumeFile: resume?.file ?? null,
        startFile,
        weightsFile,
        rollBacks: claim.rollBacks,
        loweringsFile: join(deps.dataDir, 'lowerings.json'),
      },
      device: deps.device,
      stallSeconds: deps.stallSeconds,
      intent,
      log,
      trainerLog,
      onReady: (determinism) => tell('first step', () => markRunning(db, fence, determinism)),
      onObstacle: (obstacle, detail) => {
        log.warn({ obstacle, detail }, obstacle === null ? 'training goes on' : 'training stands still')
        trainerLog.add('trainer', 'warn', obstacle === null ? 'goes on' : `stands still, waits for: ${obstacle}`)
        tell('event', () => noteAttempt(db, fence, noteOf(obstacle, detail ?? persister.outage)))
      },
      onHealth: (health) => tell('critic health', () => noteHealth(db, fence, health)),
      onRemedy: (remedy) => tell('remedy', () => noteRemedy(db, fence, remedy)),
      onPoints: (points) => meter.add(points),
      onCpuSeconds: (seconds) => (trainer.cpuSeconds = seconds),
      persist: (message) => persister.persist(message),
    })
    trainer.end = end
    const drained = await persister.drain().then(
      () => true,
      (error: unknown) => {
        fail(error)
        return false
      },
    )
    persister.close()
    await Promise.all([told, trainerLog.close()])
    if (last?.type === 'failed' && last.kind === 'checkpoint') {
      if (!resume) throw new StartFailed(last.message)
      await quarantineCheckpoint(db, fence, { id: resume.id, fault: last.message })
    }
    if (broken !== undefined) return judgeError(broken, intent.current)
    // A trainer's `done` counts only when everything it made is durable.
    return judge(intent.current, drained ? last : undefined, end)
  } catch (error) {
    return judgeError(error, intent.current)
  }
}

/** Images are brought into the cache; of points the law is all there is, as long as it draws what it drew when they were registered. */
async function prepareData(
  dataset: Claim['dataset'],
  { spec, store, cacheDir }: { spec: Job['spec']; store: ObjectStore; cacheDir: string },
): Promise<Start['data']> {
  const { law } = dataset
  if (law === null) {
    const { directory } = await prepareImages({ dataset, imageSize: spec.model.imageSize, store, cacheDir })
    return { kind: 'images', directory }
  }
  if (pointDataset(dataset.id, law).contentHash !== dataset.contentHash)
    throw new DatasetChanged(`this release draws other points for ${dataset.id}@${dataset.version}; import it again`)
  return { kind: 'points', law }
}

/** What a person is told while training stands still; `detail` is what the obstacle itself says. */
function noteOf(obstacle: Obstacle | null, detail: string | undefined): { reason: Reason; message?: string } {
  if (obstacle === null) return { reason: 'storage_resumed' }
  const why = detail === undefined ? '' : `: ${detail}`
  return { reason: 'storage_paused', message: `training stands still, ${obstacles[obstacle]}${why}` }
}

const obstacles: Record<Obstacle, string> = {
  object_store: 'the object store has not taken its checkpoints and samples yet',
  database: 'the database has not taken its points yet',
  disk: 'the disk of its worker is full',
}

/** The dataset is at fault, not this machine: another attempt would meet the same. */
class DatasetFailed extends Error {
  override name = 'DatasetFailed'
  readonly reason: 'dataset_error' | 'dataset_changed'

  constructor(cause: AppError) {
    super(cause.detail, { cause })
    this.reason = cause instanceof DatasetChanged ? 'dataset_changed' : 'dataset_error'
  }
}

/** Books what went wrong in this process rather than in the trainer. */
function judgeError(error: unknown, wish: Wish | undefined): Verdict {
  if (error instanceof FencedError || wish === 'lost') return null
  if (error instanceof Interrupted) return judge(wish, undefined, undefined)
  if (wish === 'cancel') return { to: 'cancelled', reason: 'user' }
  if (wish === 'halt') return { to: 'paused', reason: 'user' }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof DatasetFailed) return { to: 'failed', reason: error.reason, message }
  if (error instanceof StorageRefused) return { to: 'queued', reason: 'storage_error', message }
  if (error instanceof StartFailed) return { to: 'failed', reason: 'checkpoint_corrupt', message }
  return {
    to: 'queued',
    reason: 'trainer_error',
    message: `the worker failed, not the trainer: ${message}`,
  }
}

/** Writes the verdict. The database gives a cancel that came meanwhile the last word. */
async function book(
  db: Database,
  fence: Fence,
  verdict: Verdict,
  { intent, meter, trainer, log }: Booking,
): Promise<AttemptOutcome> {
  if (!verdict) return fencedOut(log)
  const progress = meter.current()
  const end = { ...verdict, progress, exit: trainer.end, cpuSeconds: trainer.cpuSeconds }
  crashpoint('finish-before')
  try {
    const job = await outlast('booking', () => finishAttempt(db, fence, end), { signal: intent.reached('lost'), log })
    crashpoint('finish-after')
    log.info({ state: job.state, reason: job.reason, step: progress?.step, message: job.message }, 'attempt ended')
    return job.state
  } catch (error) {
    if (!(error instanceof FencedError) && !(error instanceof Interrupted)) throw error
    return fencedOut(log)
  }
}

type Booking = Pick<Attempt, 'intent' | 'meter' | 'trainer'> & { log: Logger }

function fencedOut(log: Logger): 'fenced' {
  log.warn('the job belongs to another attempt: nothing more was written')
  return 'fenced'
}

function follow(shutdown: Shutdown, intent: Intent): () => void {
  const links = [
    [shutdown.preempt, () => intent.raise('preempt')],
    [shutdown.abandon, () => intent.raise('abandon')],
  ] as const
  for (const [signal, raise] of links) {
    if (signal.aborted) raise()
    else signal.addEventListener('abort', raise)
  }
  return () => {
    for (const [signal, raise] of links) signal.removeEventListener('abort', raise)
  }
}
