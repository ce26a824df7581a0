import type { JobSpec, Schedule } from './job-spec.js'

/** Where a budget of steps or epochs ends; `steps` is null when only seconds bound the job. */
export type BudgetPlan = { steps: number; criticSteps: number } | { steps: null; criticSteps: null }

type Planned = Pick<JobSpec, 'budget' | 'schedule' | 'batchSize' | 'heldOut'>

/** Beyond this many steps the rest is extrapolated: counting on would hold the event loop for more than 50 ms. */
const COUNTED_STEPS = 5_000_000
/** For estimates: a request with a thousand jobs is to hold nobody up. */
const ROUGHLY_COUNTED = 4_000

/** Critic updates before generator step `index` (0-based), as main.py: `gen_iterations < 25 or gen_iterations % 500 == 0`. */
function criticStepsAt({ criticSteps, warmup, every }: Schedule, index: number): number {
  if (index < warmup.generatorSteps) return warmup.criticSteps
  return every.generatorSteps > 0 && index % every.generatorSteps === 0 ? every.criticSteps : criticSteps
}

/** Of all generator steps before `step`, no series being cut short by the end of an epoch. */
function criticStepsBefore({ criticSteps, warmup, every }: Schedule, step: number): number {
  const warm = Math.min(step, warmup.generatorSteps)
  const rest = step - warm
  const interval = every.generatorSteps
  const bursts = interval > 0 ? Math.ceil(step / interval) - Math.ceil(warm / interval) : 0
  return warm * warmup.criticSteps + bursts * every.criticSteps + (rest - bursts) * criticSteps
}

/**
 * Counts both networks' updates up to the end of the budget, one by one up to `counted` steps. A burst is cut short by the end of an
 * epoch.
 */
export function planBudget(
  { budget, schedule, batchSize, heldOut }: Planned,
  numImages: number,
  counted = COUNTED_STEPS,
): BudgetPlan {
  if (budget.generatorSteps === undefined && budget.epochs === undefined) return { steps: null, criticSteps: null }
  const batchesPerEpoch = Math.max(1, Math.ceil((numImages - heldOut) / batchSize))
  const lastStep = budget.generatorSteps ?? Infinity
  const lastBatch = (budget.epochs ?? Infinity) * batchesPerEpoch
  let steps = 0
  let criticSteps = 0
  let half = { steps: 0, criticSteps: 0 }
  while (steps < lastStep && criticSteps < lastBatch) {
    if (steps === counted) return extrapolate(schedule, [half, { steps, criticSteps }], { lastStep, lastBatch })
    if (steps === counted >> 1) half = { steps, criticSteps }
    const leftOfEpoch = batchesPerEpoch - (criticSteps % batchesPerEpoch)
    criticSteps += Math.min(criticStepsAt(schedule, steps), leftOfEpoch)
    steps += 1
  }
  return { steps, criticSteps }
}

/** The same in 20 µs, within a percent. */
export const roughBudget = (spec: Planned, numImages: number): BudgetPlan =>
  planBudget(spec, numImages, ROUGHLY_COUNTED)

/** Critic updates of the first `steps` generator steps, about. */
export const criticStepsOf = (spec: Omit<Planned, 'budget'>, numImages: number, steps: number): number =>
  roughBudget({ ...spec, budget: { generatorSteps: steps } }, numImages).criticSteps ?? 0

interface Counted {
  steps: number
  criticSteps: number
}

/** Goes on as the schedule says, its series cut as short by epochs as they were in the second half of what was counted. */
function extrapolate(
  schedule: Schedule,
  [half, counted]: readonly [Counted, Counted],
  { lastStep, lastBatch }: { lastStep: number; lastBatch: number },
): BudgetPlan {
  const uncut = (step: number) => criticStepsBefore(schedule, step)
  const kept = (counted.criticSteps - half.criticSteps) / (uncut(counted.steps) - uncut(half.steps))
  // Over many steps, so that a burst now and then has its share.
  const ahead = counted.steps + Math.max(1, schedule.every.generatorSteps) * 1000
  const perStep = (kept * (uncut(ahead) - uncut(counted.steps))) / (ahead - counted.steps)
  const steps = Math.min(lastStep, counted.steps + Math.ceil((lastBatch - counted.criticSteps) / perStep))
  return {
    steps,
    criticSteps: Math.min(lastBatch, Math.round(counted.criticSteps + kept * (uncut(steps) - uncut(counted.steps)))),
  }
}
