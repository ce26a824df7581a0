import { AppError, Checkpoint, type CurvePoint, isTerminal } from '@kantor/contracts'
import { type Page, type PageQuery, readStepCursor, stepCursor, toPage } from './cursor.js'
import { mediansUpTo } from './curve/medians.js'
import { insertPoints } from './curve/write.js'
import { type Database, query, type Transaction } from './database.js'
import { planEvaluation } from './evaluations.js'
import { type Fence, fencedTransaction, sequencedTransaction } from './fence.js'
import type { OwnedJobRow } from './job-row.js'
import { noteJob } from './transition.js'

export interface StoredCheckpoint extends Checkpoint {
  /** The object's key in storage. */
  key: string
}

export interface NewCheckpoint extends Pick<Checkpoint, 'id' | 'step' | 'sizeBytes' | 'sha256'> {
  key: string
  /** Points not flushed yet, up to this step: the curve is never behind its checkpoint. */
  points: CurvePoint[]
}

interface CheckpointRow extends Omit<StoredCheckpoint, 'attempt' | 'url' | 'sizeBytes' | 'medians' | 'createdAt'> {
  epoch: number
  medians: unknown
  sizeBytes: bigint | string
  createdAt: Date
}

const columns = `id, job_id AS "jobId", epoch, step, key, size_bytes AS "sizeBytes", sha256, quarantined, pinned, medians,
  created_at AS "createdAt"`
// The newest attempt's chain first: what an earlier attempt reached beyond it was not good enough to resume from.
const newestFirst = 'epoch DESC, step DESC'

const toStored = (row: CheckpointRow): StoredCheckpoint => ({ ...toCheckpoint(row), key: row.key })

const toCheckpoint = (row: CheckpointRow): Checkpoint =>
  Checkpoint.parse({
    ...row,
    attempt: row.epoch,
    sizeBytes: Number(row.sizeBytes),
    url: `/checkpoints/${row.id}/download`,
    createdAt: row.createdAt.toISOString(),
  })

/**
 * Lists a checkpoint whose bytes are complete in storage, with the curve up to it, in one transaction; the crash count starts anew.
 * Idempotent per (job, step, attempt): the second time gives the row that is there. FencedError.
 */
export async function addCheckpoint(db: Database, fence: Fence, checkpoint: NewCheckpoint): Promise<Checkpoint> {
  return sequencedTransaction(db, fence, async (tx, seq) => {
    await insertPoints(tx, fence, seq, checkpoint.points)
    await tx.query(
      `INSERT INTO checkpoint (id, job_id, epoch, step, key, size_bytes, sha256, medians)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [
        checkpoint.id,
        fence.jobId,
        fence.epoch,
        checkpoint.step,
        checkpoint.key,
        checkpoint.sizeBytes,
        checkpoint.sha256,
        JSON.stringify(await mediansUpTo(tx, fence.jobId, checkpoint.step)),
      ],
    )
    await tx.query('UPDATE job SET crashes = 0 WHERE id = $1', [fence.jobId])
    await planEvaluation(tx, fence.jobId, 'checkpoint')
    const { rows } = await tx.query<CheckpointRow>(
      `SELECT ${columns} FROM checkpoint WHERE job_id = $1 AND epoch = $2 AND step = $3`,
      [fence.jobId, fence.epoch, checkpoint.step],
    )
    if (!rows[0]) throw new AppError('internal', `checkpoint ${checkpoint.id} belongs to another job or step`)
    return toCheckpoint(rows[0])
  })
}

/** Newest step first, quarantined ones included. */
export async function listCheckpoints(db: Database, jobId: string, options: PageQuery): Promise<Page<Checkpoint>> {
  const after = options.cursor === undefined ? null : readStepCursor(options.cursor)
  const rows = await db.prisma.checkpoint.findMany({
    where: {
      jobId,
      ...(after && { OR: [{ step: { lt: after.step } }, { step: after.step, id: { lt: after.id } }] }),
    },
    orderBy: [{ step: 'desc' }, { id: 'desc' }],
    take: options.limit + 1,
  })
  return toPage(rows, options.limit, toCheckpoint, stepCursor)
}

export async function getCheckpoint(db: Database, id: string): Promise<StoredCheckpoint | null> {
  const row = await db.prisma.checkpoint.findUnique({ where: { id } })
  return row && toStored(row)
}

const newestGood = `SELECT ${columns} FROM checkpoint WHERE job_id = $1 AND NOT quarantined ORDER BY ${newestFirst} LIMIT 1`

/**
 * Its bytes are not what the row says: it stays listed for people, and nothing resumes from it again. Answers the one before it, null
 * when none is left, and an event tells all of it. FencedError.
 */
export async function quarantineCheckpoint(
  db: Database,
  fence: Fence,
  damage: Damage,
): Promise<StoredCheckpoint | null> {
  return fencedTransaction(db, fence, (tx, job) => quarantineIn(tx, job, damage, job.workerId!))
}

export interface Damage {
  /** The checkpoint. */
  id: string
  /** What is wrong with its object, in words. */
  fault: string
}

/** The same inside a transaction that has locked the job's row, whoever found the damage and whatever the job is doing. */
export async function quarantineIn(
  tx: Transaction,
  job: OwnedJobRow,
  { id, fault }: Damage,
  actor: string,
): Promise<StoredCheckpoint | null> {
  const { rows } = await tx.query<{ step: number }>(
    'UPDATE checkpoint SET quarantined = true WHERE id = $1 AND job_id = $2 AND NOT quarantined RETURNING step',
    [id, job.id],
  )
  const next = await newestCheckpointIn(tx, job.id)
  if (rows[0]) {
    // A curve's marks change.
    await tx.query('UPDATE job SET curve_seq = curve_seq + 1 WHERE id = $1', [job.id])
    const message = `the checkpoint of step ${rows[0].step} was put aside, ${fault}; ${await wayOn(tx, job, next)}`
    await noteJob(tx, job, { reason: 'checkpoint_corrupt', message, actor })
  }
  return next
}

async function wayOn(tx: Transaction, job: OwnedJobRow, next: StoredCheckpoint | null): Promise<string> {
  if (isTerminal(job.state)) return next ? `the newest good one is of step ${next.step}` : 'no good one is left'
  if (next) return `the one of step ${next.step} is used`
  return `none is left, training starts again at step ${(await startCheckpointIn(tx, job))?.step ?? 0}`
}

/** The one to resume from; quarantined ones are passed over. */
export async function newestCheckpoint(db: Database, jobId: string): Promise<StoredCheckpoint | null> {
  const rows = await query<CheckpointRow>(db, newestGood, [jobId])
  return rows[0] ? toStored(rows[0]) : null
}

/** The same inside a transaction. */
export async function newestCheckpointIn(tx: Transaction, jobId: string): Promise<StoredCheckpoint | null> {
  const { rows } = await tx.query<CheckpointRow>(newestGood, [jobId])
  return rows[0] ? toStored(rows[0]) : null
}

/** The checkpoint of another job that this one starts from, if any; a row that is there for as long as the job is. */
export async function startCheckpointIn(
  tx: Transaction,
  job: { startCheckpointId: string | null },
): Promise<StoredCheckpoint | null> {
  return job.startCheckpointId === null ? null : checkpointIn(tx, job.startCheckpointId)
}

/** `getCheckpoint` inside a transaction. */
export async function checkpointIn(tx: Transaction, id: string): Promise<StoredCheckpoint | null> {
  const { rows } = await tx.query<CheckpointRow>(`SELECT ${columns} FROM checkpoint WHERE id = $1`, [id])
  return rows[0] ? toStored(rows[0]) : null
}
