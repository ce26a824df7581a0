import type { JobView } from '@kantor/client'

export interface LiveFigures {
  step: number
  /** Null when only seconds bound the run. */
  totalSteps: number | null
  stepsPerSecond: number | null
  /** The newest Wasserstein estimate. */
  wEstimate: number | null
  etaSeconds: number | null
}

/** Rates are taken over this long: shorter ones jump, longer ones lag. */
const WINDOW_MS = 30_000

/**
 * Step, rate and time left, from the curve rather than from the job's own progress: that is written with the worker's lease, every 10 s,
 * while points arrive every second.
 */
export function createLiveFigures(now: () => number = Date.now): (view: JobView) => LiveFigures {
  let seen: { at: number; step: number }[] = []
  let attempt = 0
  return ({ job, curve }) => {
    const { x = [], last = [], n = [], bad = [] } = curve.series.w_estimate ?? {}
    const end = x.length - 1
    // A bucket's steps follow each other; there is no step 0.
    const newest = end < 0 ? 0 : Math.max(x[end]!, 1) + n[end]! + bad[end]! - 1
    const step = Math.max(newest, job.progress?.step ?? 0)
    const at = now()
    // Another attempt starts further back, and on another clock.
    if (job.attempt !== attempt || step < (seen.at(-1)?.step ?? 0)) seen = []
    attempt = job.attempt
    if (step !== seen.at(-1)?.step) seen.push({ at, step })
    seen = seen.filter((one, index) => at - one.at <= WINDOW_MS || index === seen.length - 1)

    const [oldest] = seen
    const elapsed = oldest ? (at - oldest.at) / 1000 : 0
    const stepsPerSecond =
      oldest && elapsed > 0 && step > oldest.step
        ? (step - oldest.step) / elapsed
        : (job.progress?.stepsPerSecond ?? null)
    const totalSteps = job.progress?.totalSteps ?? job.spec.budget.generatorSteps ?? null
    const estimate = last[end]
    return {
      step,
      totalSteps,
      stepsPerSecond,
      wEstimate: typeof estimate === 'number' ? estimate : (job.progress?.wEstimate ?? null),
      etaSeconds: eta(job.progress?.etaSeconds ?? null, totalSteps === null ? null : totalSteps - step, stepsPerSecond),
    }
  }
}

/** The worker's own figure knows of a limit in seconds; ours is fresher. The first limit reached ends the run. */
function eta(workers: number | null, stepsLeft: number | null, rate: number | null): number | null {
  const ours = stepsLeft !== null && rate ? stepsLeft / rate : Infinity
  const soonest = Math.min(ours, workers ?? Infinity)
  return Number.isFinite(soonest) ? soonest : null
}
