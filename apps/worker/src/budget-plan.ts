import type { JobSpec, Schedule } from '@kantor/contracts'

/** Where a budget of steps or epochs ends; `steps` is null when only seconds bound the job. */
export type BudgetPlan = { steps: number; criticSteps: number } | { steps: null; criticSteps: null }

/** Beyond this many steps the rest is extrapolated: counting on would hold the event loop for more than 50 ms. */
const COUNTED_STEPS = 5_000_000

/** Critic updates before generator step `index` (0-based), as main.py: `gen_iterations < 25 or gen_iterations % 500 == 0`. */
function criticStepsAt({ criticSteps, warmup, every }: Schedule, index: number): number {
  if (index < warmup.generatorSteps) return warmup.criticSteps
  return every.generatorSteps > 0 && index % every.generatorSteps === 0 ? every.criticSteps : criticSteps
}

/** Counts both networks' updates up to the end of the budget. A burst is cut short by the end of an epoch. */
export function planBudget({ budget, schedule, batchSize, heldOut }: JobSpec, numImages: number): BudgetPlan {
  if (budget.generatorSteps === undefined && budget.epochs === undefined) return { steps: null, criticSteps: null }
  const batchesPerEpoch = Math.ceil((numImages - heldOut) / batchSize)
  const lastStep = budget.generatorSteps ?? Infinity
  const lastBatch = (budget.epochs ?? Infinity) * batchesPerEpoch
  let steps = 0
  let criticSteps = 0
  while (steps < lastStep && criticSteps < lastBatch) {
    if (steps === COUNTED_STEPS) return extrapolate(criticSteps, lastStep, lastBatch)
    const leftOfEpoch = batchesPerEpoch - (criticSteps % batchesPerEpoch)
    criticSteps += Math.min(criticStepsAt(schedule, steps), leftOfEpoch)
    steps += 1
  }
  return { steps, criticSteps }
}

function extrapolate(counted: number, lastStep: number, lastBatch: number): BudgetPlan {
  const perStep = counted / COUNTED_STEPS
  const steps = Math.min(lastStep, Math.ceil(lastBatch / perStep))
  return { steps, criticSteps: Math.round(steps * perStep) }
}
