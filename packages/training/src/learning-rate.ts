import type { Optimizer } from '@kantor/contracts'

/** What both learning rates are multiplied by in the generator step that follows `step` finished ones, and in its critic steps. */
export function rateScale({ decay }: Optimizer, step: number): number {
  if (decay === undefined) return 1
  return Math.min(1, Math.max(0, (decay.until - step) / (decay.until - decay.from)))
}
