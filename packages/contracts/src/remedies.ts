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
  /** End early with a usable model: the job is stopped with the reason `critic_diverged`. */
  z.strictObject({ when: Trouble, do: z.literal('stop') }),
])
export type Remedy = z.infer<typeof Remedy>
