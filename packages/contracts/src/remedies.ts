import { z } from 'zod'
import { Trouble } from './health.js'

/** What is done when the critic comes into a state; once each time that it does. Every remedy leaves an event, and a mark on the curve. */
export const Remedy = z.discriminatedUnion('do', [
  /** Nothing but that. */
  z.strictObject({ when: Trouble, do: z.literal('alert') }),
  /** More critic steps before every generator step, until the state is left or so many generator steps have passed (WassersteinGAN#2). */
  z.strictObject({
    when: Trouble,
    do: z.literal('boost-critic'),
    criticSteps: z.int().min(2).max(1000).default(25),
    generatorSteps: z.int().min(1).max(1_000_000).default(500),
  }),
  /**
   * Back to the newest checkpoint of before the trouble, and on from there with slower learning rates: the job goes through the queue with the
   * reason `rolled_back`. Once it was done `times` times, the remedies after it are.
   */
  z.strictObject({
    when: Trouble.extract(['collapsed', 'exploding', 'non-finite']),
    do: z.literal('roll-back'),
    times: z.int().min(1).max(20).default(3),
    /** Both learning rates are multiplied by it, every time. */
    rateFactor: z.number().min(0.01).max(0.99).default(0.5),
  }),
  /** End early with a usable model: the job is stopped with the reason `critic_diverged`. */
  z.strictObject({ when: Trouble, do: z.literal('stop') }),
])
export type Remedy = z.infer<typeof Remedy>

/** Those of a spec; of roll-backs there is one count, so that they must agree about it. */
export const Remedies = z
  .array(Remedy)
  .max(20)
  .refine(
    (remedies) =>
      new Set(remedies.flatMap((remedy) => (remedy.do === 'roll-back' ? `${remedy.times} ${remedy.rateFactor}` : [])))
        .size <= 1,
    { message: 'all roll-backs of a job count together: give each of them the same times and the same rateFactor' },
  )
