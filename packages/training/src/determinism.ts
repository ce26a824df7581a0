import type { Stepper } from './step/stepper.js'

const ROUNDS = 2

/** Self-test: one critic step on one fixed batch, done twice from the same weights, agrees to the last bit. */
export function isDeterministic(stepper: Stepper): boolean {
  const [first, ...others] = Array.from({ length: ROUNDS }, () => stepper.rehearse())
  return others.every((other) => first !== undefined && Buffer.compare(other, first) === 0)
}
