// What an archive needs beyond what a job's readers get, and the way back into rows.
import {
  AppError,
  type ArchivedCheckpoint,
  type ArchivedCurve,
  type ArchivedJob,
  type ArchivedSample,
  type Attempt,
  type ImportedFrom,
  type Job,
  type JobEvent,
  type JobSpec,
} from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { importPoints } from './curve/import-points.js'
import type { StoredPoint } from './curve/points.js'
import { type Database, query, transaction, type Transaction } from './database.js'
import { jobColumns, type OwnedJobRow, toJob } from './job-row.js'
import { appendEvent } from './transition.js'

/** The cursor of a job's curve, and its rollbacks, oldest first. AppError `not-found`. */
export async function readCurveHistory(db: Database, jobId: string): Promise<ArchivedCurve> {
  const [job] = await query<{ seq: string; startedAt: string | null }>(
    db,
    `SELECT curve_seq AS seq, (extract(epoch FROM started_at) * 1000000)::bigint AS "startedAt" FROM job WHERE id = $1`,
    [jobId],
  )
  if (!job) throw new AppError('not-found', `there is no job ${jobId}`)
  const rollbacks = await query<{ attempt: number; afterStep: number; seq: string; at: Date }>(
    db,
    'SELECT epoch AS attempt, after_step AS "afterStep", seq, at FROM curve_rollback WHERE job_id = $1 ORDER BY seq',
    [jobId],
  )
  const marks = await query<Omit<ArchivedCurve['marks'][number], 'seq'> & { seq: string }>(
    db,
    'SELECT epoch AS attempt, seq, step, kind, message, effective FROM curve_mark WHERE job_id = $1 ORDER BY seq',
    [jobId],
  )
  return {
    seq: Number(job.seq),
    startedAt: job.startedAt === null ? null : Number(job.startedAt),
    rollbacks: rollbacks.map((row) => ({ ...row, seq: Number(row.seq), at: row.at.toISOString() })),
    marks: marks.map((row) => ({ ...row, seq: Number(row.seq) })),
  }
}

/** A job that was trained elsewhere and is over. Its objects are in the store already, under these keys. */
export interface ImportedJob {
  id: string
  job: ArchivedJob
  spec: JobSpec
  importedFrom: ImportedFrom
  events: JobEvent[]
  attempts: Attempt[]
  /** With the coordinates of those that show points: little-endian float32, one after the other. */
  samples: (ArchivedSample & { key: string; coordinates: Buffer | null })[]
  /** Those whose bytes came along. */
  checkpoints: (ArchivedCheckpoint & { key: string })[]
  curve: ArchivedCurve
  points: AsyncIterable<StoredPoint>
  superseded: AsyncIterable<StoredPoint>
  /** Who asks: the key's name or id. */
  actor: string
  keyId: string | null
}

/** The id of a job to come, for the keys of its objects. */
export const newJobId = (): string => uuidv7()

/**
 * Writes all rows of an imported job, or none, and an event that says so. Webhooks are not told: what happened to it happened elsewhere.
 * AppError `archive-invalid` when the database cannot hold what it says.
 */
export async function importJob(db: Database, imported: ImportedJob): Promise<Job> {
  try {
    return await transaction(db, (tx) => insertAll(tx, imported))
  } catch (error) {
    // A number beyond its column, a time before the calendar, a step told twice: nothing of ours writes such a thing.
    const { code } = error as { code?: unknown }
    if (typeof code !== 'string' || !/^2[23]/.test(code)) throw error
    throw new AppError('archive-invalid', `the archive says what no job can be: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function insertAll(tx: Transaction, imported: ImportedJob): Promise<Job> {
  const { id, curve, attempts, actor } = imported
  const row = await insertJob(tx, imported)
  await insertEvents(tx, imported)
  await insertMany(
    tx,
    'attempt',
    attempts.map((attempt) => attemptRow(id, attempt)),
  )
  await insertMany(
    tx,
    'sample',
    imported.samples.map((sample) => sampleRow(id, sample)),
  )
  await insertMany(
    tx,
    'checkpoint',
    imported.checkpoints.map((checkpoint) => checkpointRow(id, checkpoint)),
  )
  await insertMany(
    tx,
    'curve_rollback',
    curve.rollbacks.map(({ attempt, afterStep, seq, at }) => ({
      job_id: id,
      epoch: attempt,
      after_step: afterStep,
      seq,
      at,
    })),
  )
  const marks = curve.marks.map(({ attempt, ...mark }) => ({ job_id: id, epoch: attempt, ...mark }))
  await insertMany(tx, 'curve_mark', marks)
  await importPoints(tx, id, { points: imported.points, effective: true, seq: curve.seq })
  await importPoints(tx, id, { points: imported.superseded, effective: false, seq: curve.seq })
  const { jobId, host } = imported.importedFrom
  const message = `from the archive of job ${jobId} of ${host}`
  await appendEvent(tx, row.state, row, { to: row.state, reason: 'imported', actor, message })
  return toJob(row)
}

async function insertJob(tx: Transaction, imported: ImportedJob): Promise<OwnedJobRow> {
  const { job, spec } = imported
  const { rows } = await tx.query<OwnedJobRow>(
    `INSERT INTO job (id, name, tags, notes, priority, device, state, reason, message, spec, lint, epoch, worker_id, key_id, determinism,
       replay_divergences, progress, event_seq, curve_seq, started_at, finished_at, imported_from, health)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
       'epoch'::timestamptz + $20::bigint * interval '1 microsecond', $21, $22, $23) RETURNING ${jobColumns}`,
    [
      imported.id,
      job.name,
      JSON.stringify(job.tags),
      job.notes,
      job.priority,
      spec.device,
      job.state,
      job.reason,
      job.message,
      JSON.stringify(spec),
      JSON.stringify(job.lint),
      job.attempt,
      job.worker,
      imported.keyId,
      job.determinism,
      job.reproducible === false ? 1 : 0,
      job.progress && JSON.stringify(job.progress),
      imported.events.length + 1,
      imported.curve.seq,
      imported.curve.startedAt,
      job.finishedAt,
      JSON.stringify(imported.importedFrom),
      job.health && JSON.stringify(job.health),
    ],
  )
  return rows[0]!
}

/** Only a claim raises the number of the attempt that an event belongs to. */
async function insertEvents(tx: Transaction, { id, events }: ImportedJob): Promise<void> {
  let epoch = 0
  const rows = events.map(({ from, to, step = null, ...event }) => {
    if (from === 'queued' && to === 'starting') epoch += 1
    return { job_id: id, epoch, from_state: from, to_state: to, step, ...event }
  })
  await insertMany(tx, 'job_event', rows)
}

const attemptRow = (jobId: string, attempt: Attempt) => ({
  job_id: jobId,
  epoch: attempt.attempt,
  worker_id: attempt.worker,
  host: attempt.host,
  device_class: attempt.deviceClass,
  device: attempt.device,
  started_at: attempt.startedAt,
  ended_at: attempt.endedAt,
  resume_step: attempt.fromStep === 0 ? null : attempt.fromStep,
  to_step: attempt.toStep,
  outcome: attempt.outcome,
  reason: attempt.reason,
  message: attempt.message,
  determinism: attempt.determinism,
  fenced_writes: attempt.fencedWrites,
  exit_code: attempt.exit?.code ?? null,
  exit_signal: attempt.exit?.signal ?? null,
  cpu_seconds: attempt.usage.cpuSeconds,
})

const objectRow = (jobId: string, of: ArchivedSample | ArchivedCheckpoint, key: string) => ({
  id: uuidv7(),
  job_id: jobId,
  epoch: of.attempt,
  step: of.step,
  key,
  size_bytes: of.sizeBytes,
  sha256: of.sha256,
  created_at: of.createdAt,
})

const sampleRow = (jobId: string, sample: ImportedJob['samples'][number]) => ({
  ...objectRow(jobId, sample, sample.key),
  num_images: sample.numImages,
  columns: sample.columns,
  tile_size: sample.tileSize,
  padding: sample.padding,
  channels: sample.channels,
  num_points: sample.points?.count ?? null,
  dimensions: sample.points?.dimensions ?? null,
  // As Postgres writes bytes.
  coordinates: sample.coordinates && `\\x${sample.coordinates.toString('hex')}`,
})

const checkpointRow = (jobId: string, checkpoint: ImportedJob['checkpoints'][number]) => ({
  ...objectRow(jobId, checkpoint, checkpoint.key),
  pinned: checkpoint.pinned,
  medians: checkpoint.medians,
})

type Table = 'attempt' | 'sample' | 'checkpoint' | 'curve_rollback' | 'curve_mark' | 'job_event'

/** Rows that one statement takes. */
const BATCH = 500

/** As JSON; columns that no row names keep their defaults. */
async function insertMany(tx: Transaction, table: Table, rows: Record<string, unknown>[]): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH) {
    const batch = rows.slice(from, from + BATCH)
    const columns = Object.keys(batch[0]!).join(', ')
    await tx.query(
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(batch)],
    )
  }
}
