// What happened to jobs since a reader last looked: the feed of event streams.
import type { JobState } from '@kantor/contracts'
import { type Database, query } from './database.js'

/** How far each kind of news has come. All of them only rise. */
export interface JobMarks {
  /** Number of the newest event. */
  events: number
  /** Of the curve. */
  curve: number
  /** Id of the newest line of the log. */
  log: number
  /** How many were listed. */
  samples: number
}

/** Of the jobs that there still are, where they stand: one query for all of them. */
export async function jobMarks(db: Database, jobIds: string[]): Promise<Map<string, JobMarks & { state: JobState }>> {
  const rows = await query<Record<keyof JobMarks, string> & { id: string; state: JobState }>(
    db,
    `SELECT id, state, event_seq AS events, curve_seq AS curve,
       coalesce((SELECT max(trainer_log.id) FROM trainer_log WHERE job_id = job.id), 0) AS log,
       (SELECT count(*) FROM sample WHERE job_id = job.id) AS samples
     FROM job WHERE id = ANY($1::uuid[])`,
    [jobIds],
  )
  return new Map(
    rows.map(({ id, state, events, curve, log, samples }) => [
      id,
      { state, events: Number(events), curve: Number(curve), log: Number(log), samples: Number(samples) },
    ]),
  )
}
