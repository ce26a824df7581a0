import { z } from 'zod'
import { SeriesName } from './curve.js'
import { JobState } from './job.js'
import { text } from './strings.js'

/** Newest points whose median is judged: one wild point is no alert. */
const points = z.int().min(1).max(1000).default(101)

/** When a rule fires; of every job at most once. */
export const AlertCondition = z.discriminatedUnion('kind', [
  /** The median of the newest finite values of a running job lies above or below a value. */
  z.strictObject({
    kind: z.literal('threshold'),
    metric: SeriesName,
    op: z.enum(['above', 'below']),
    value: z.number(),
    points,
  }),
  /** The median of the newest `points` values differs from that of the ones before by more than `by`. */
  z.strictObject({
    kind: z.literal('change'),
    metric: SeriesName,
    direction: z.enum(['rise', 'fall']),
    by: z.number().positive(),
    points,
  }),
  /** A job ended so, after the rule was made. */
  z.strictObject({
    kind: z.literal('state'),
    states: z
      .array(JobState.extract(['succeeded', 'stopped', 'cancelled', 'failed']))
      .min(1)
      .max(4),
  }),
  /** A running job has told of no new step for so long. */
  z.strictObject({ kind: z.literal('stalled'), seconds: z.int().min(10).max(604_800) }),
])
export type AlertCondition = z.infer<typeof AlertCondition>

const rule = { name: text(200).min(1), condition: AlertCondition, active: z.boolean() }

/** Data, not code: looked at every ten seconds. What it finds is told to webhooks that want `alert.fired`. */
export const AlertRule = z.object({ id: z.uuid(), ...rule, createdAt: z.iso.datetime() }).meta({ id: 'AlertRule' })
export type AlertRule = z.infer<typeof AlertRule>

export const CreateAlertRule = z.strictObject({ ...rule, active: rule.active.default(true) })
export type CreateAlertRule = z.infer<typeof CreateAlertRule>

export const PatchAlertRule = z
  .strictObject(rule)
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, {
    message: 'give at least one of name, condition, active',
    params: { code: 'required' },
  })
export type PatchAlertRule = z.infer<typeof PatchAlertRule>

export const Alert = z
  .object({ ruleId: z.uuid(), jobId: z.uuid(), step: z.int(), message: z.string(), firedAt: z.iso.datetime() })
  .meta({ id: 'Alert' })
export type Alert = z.infer<typeof Alert>
