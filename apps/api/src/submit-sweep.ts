import {
  AppError,
  type CreateSweep,
  lintSweep,
  SHOWN_CONFIGURATIONS,
  type Sweep,
  type SweepPlan,
} from '@kantor/contracts'
import { createSweep, type Database, getSweep, joinedTransaction } from '@kantor/db'
import { estimateTogether } from './plan-job.js'
import { type ExpandedSweep, planSweep, tellTrials } from './plan-sweep.js'
import { validationFailed } from './plugins/zod.js'
import { resolveJobs, type Submitter } from './resolve-jobs.js'
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
    await submitJobs(joined, submissions, by).catch(inTermsOf(sweep, trials))
    return (await getSweep(joined, sweepId))!
  })
}

/** What `submitSweep` would write, and what would come of it; writes nothing. Refuses what that refuses, but for a full queue. */
export async function forecastSweep(db: Database, asked: CreateSweep, by: Submitter): Promise<SweepPlan> {
  const { sweep, trials } = planSweep(asked)
  const submissions = trials.map(({ submission }) => submission)
  const resolved = await resolveJobs(db, submissions, by).catch(inTermsOf(sweep, trials))
  const configurations = trials.map(({ configuration }) => configuration)
  return {
    configurations: sweep.configurations,
    trials: sweep.trials,
    seeds: sweep.seeds,
    // Trials of one configuration lie together.
    first: configurations.filter((one, i) => one !== configurations[i - 1]).slice(0, SHOWN_CONFIGURATIONS),
    lint: lintSweep(sweep.search),
    estimate: await estimateTogether(db, resolved),
  }
}

const inTermsOf =
  ({ search }: ExpandedSweep['sweep'], trials: ExpandedSweep['trials']) =>
  (error: unknown): never => {
    if (!(error instanceof AppError) || error.code !== 'validation-failed') throw error
    throw validationFailed(tellTrials(error.errors ?? [], search, trials))
  }
