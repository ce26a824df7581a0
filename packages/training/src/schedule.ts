import type { Schedule } from '@kantor/contracts'

/**
 * Critic steps before the generator step that follows `step` finished ones. main.py: 100 when gen_iterations < 25 or
 * gen_iterations % 500 == 0, else Diters. The end of an epoch cuts the series short; the generator steps all the same.
 */
export function plannedCriticSteps({ criticSteps, warmup, every }: Schedule, step: number): number {
  if (step < warmup.generatorSteps) return warmup.criticSteps
  const burst = every.generatorSteps > 0 && step % every.generatorSteps === 0
  return burst ? every.criticSteps : criticSteps
}
