import { LogLevel, type LogLine, type LogQuery, type LogSource } from '@kantor/contracts'
import { type Database, query, type Transaction } from './database.js'
import { type Fence, fencedTransaction } from './fence.js'

export interface NewLogLine {
  /** How long ago it was seen, in milliseconds: its time is then told by the database's clock. */
  ageMs: number
  level: LogLevel
  source: LogSource
  text: string
}

/** Lines that an attempt keeps: how it began, and how it ended. At 1 KiB a line that is 1.1 MiB at most. */
const FIRST_KEPT = 100
const NEWEST_KEPT = 1000
const PAGE = 1000

/** Adds lines to the log of an attempt, which keeps its first and its newest. `dropped` says how many the worker could not keep. FencedError. */
export async function appendLog(db: Database, fence: Fence, lines: NewLogLine[], dropped = 0): Promise<void> {
  await fencedTransaction(db, fence, async (tx) => {
    await tx.query(
      `INSERT INTO trainer_log (job_id, epoch, at, level, source, text)
       SELECT $1, $2, clock_timestamp() - make_interval(secs => age / 1000), level, source, text
       FROM unnest($3::float8[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS line(age, level, source, text, place)
       ORDER BY place`,
      [
        fence.jobId,
        fence.epoch,
        lines.map((line) => line.ageMs),
        lines.map((line) => line.level),
        lines.map((line) => line.source),
        lines.map((line) => line.text),
      ],
    )
    const cut = (await cutMiddle(tx, fence)) + dropped
    if (cut === 0) return
    await tx.query('UPDATE attempt SET dropped_lines = dropped_lines + $3 WHERE job_id = $1 AND epoch = $2', [
      fence.jobId,
      fence.epoch,
      cut,
    ])
  })
}

async function cutMiddle(tx: Transaction, fence: Fence): Promise<number> {
  const { rowCount } = await tx.query(
    `DELETE FROM trainer_log WHERE job_id = $1 AND epoch = $2
       AND id > (SELECT id FROM trainer_log WHERE job_id = $1 AND epoch = $2 ORDER BY id OFFSET ${FIRST_KEPT - 1} LIMIT 1)
       AND id <= (SELECT id FROM trainer_log WHERE job_id = $1 AND epoch = $2 ORDER BY id DESC OFFSET ${NEWEST_KEPT} LIMIT 1)`,
    [fence.jobId, fence.epoch],
  )
  return rowCount ?? 0
}

interface LogRow extends Omit<LogLine, 'id' | 'at' | 'attempt'> {
  id: string
  epoch: number
  at: Date
}

/** Oldest first: the newest `tail` lines, or with `after` the next ones, at most 1000. */
export async function readLog(db: Database, jobId: string, options: Omit<LogQuery, 'wait'>): Promise<LogLine[]> {
  const { attempt = null, tail, after = null, q = null, level = 'debug' } = options
  const levels = LogLevel.options.slice(LogLevel.options.indexOf(level))
  const rows = await query<LogRow>(
    db,
    `SELECT id, epoch, at, level, source, text FROM trainer_log
     WHERE job_id = $1 AND id > coalesce($2::bigint, 0) AND ($3::int IS NULL OR epoch = $3) AND level = ANY($4)
       AND ($5::text IS NULL OR position(lower($5) IN lower(text)) > 0)
     ORDER BY id ${after === null ? 'DESC' : 'ASC'} LIMIT $6`,
    [jobId, after, attempt, levels, q, after === null ? tail : PAGE],
  )
  const lines = rows.map(({ epoch, ...row }) => ({
    ...row,
    id: Number(row.id),
    attempt: epoch,
    at: row.at.toISOString(),
  }))
  return after === null ? lines.reverse() : lines
}

/** Lines that attempts of a job did not keep; of one attempt when it is named. */
export async function countDroppedLines(db: Database, jobId: string, attempt?: number): Promise<number> {
  const rows = await query<{ dropped: number }>(
    db,
    `SELECT coalesce(sum(dropped_lines), 0)::int AS dropped FROM attempt
     WHERE job_id = $1 AND ($2::int IS NULL OR epoch = $2)`,
    [jobId, attempt ?? null],
  )
  return rows[0]!.dropped
}
