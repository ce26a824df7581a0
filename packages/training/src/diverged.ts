/** Generator steps in a row with a non-finite loss after which a run gives up. */
export const DIVERGED_AFTER = 10

/** The losses stopped being numbers and stayed so. Retrying the same spec fails again. */
export class DivergedError extends Error {
  override name = 'DivergedError'
  /** The first generator step of the non-finite row. */
  readonly step: number

  constructor(step: number) {
    super(
      `training diverged: the losses are not finite from generator step ${step} on (${DIVERGED_AFTER} in a row). ` +
        'Lower criticLearningRate and generatorLearningRate, or the objective’s clip or lambda, and submit the job again.',
    )
    this.step = step
  }
}
