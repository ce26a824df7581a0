import { v7 as uuidv7 } from 'uuid'
import type { EvaluationPlan } from '@kantor/contracts'
import type { Transaction } from './database.js'

/**
 * Queues the evaluation that the job's spec asks for: of each checkpoint as it is listed, or of the newest good one when the job has ended
 * well. A checkpoint that has one, in whatever state, gets no other.
 */
export async function planEvaluation(tx: Transaction, jobId: string, every: EvaluationPlan['every']): Promise<void> {
  await tx.query(
    `INSERT INTO task (id, kind, checkpoint_id, state, reason, params)
     SELECT $1, 'evaluate', newest.id, 'queued', 'submitted', (spec -> 'evaluation') - 'every'
     FROM job, LATERAL (
       SELECT id FROM checkpoint WHERE job_id = job.id AND NOT quarantined ORDER BY epoch DESC, step DESC LIMIT 1
     ) AS newest
     WHERE job.id = $2 AND spec -> 'evaluation' ->> 'every' = $3
       AND NOT EXISTS (SELECT 1 FROM task WHERE checkpoint_id = newest.id AND kind = 'evaluate')`,
    [uuidv7(), jobId, every],
  )
}
