import { AppError, type CreateSweep, type Sweep } from '@kantor/contracts'
import { createSweep, type Database, getSweep, joinedTransaction } from '@kantor/db'
import { planSweep, tellTrials } from './plan-sweep.js'
import { validationFailed } from './plugins/zod.js'
import type { Submitter } from './resolve-jobs.js'
import { submitJobs } from './submit-job.js'

/**
 * Writes a sweep and all its trials, or nothing: each passes what a job of its own would have to. AppError `sweep-too-large`,
 * `validation-failed` with the trial and its parameters, `queue-full`.
 */
export async function submitSweep(db: Database, asked: CreateSweep, by: Submitter): Promise<Sweep> {
  const { sweep, trials } = planSweep(asked)
  return joinedTransaction(db, async (joined) => {
    const sweepId = await createSweep(joined, { ...sweep, keyId: by.keyId ?? null })
    const submissions = trials.map(({ configuration: parameters, submission }, index) => ({
      ...submission,
      trial: { sweepId, trial: index + 1, parameters },
    }))
    await submitJobs(joined, submissions, by).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'validation-failed') throw error
      throw validationFailed(tellTrials(error.errors ?? [], sweep.search, trials))
    })
    return (await getSweep(joined, sweepId))!
  })
}
