import { z } from 'zod'

/** What a webhook can be told of: a job came into that state. `job.queued` is a job that waits again, not its submission; `alert.fired`: an alert rule found something. */
export const WebhookEvent = z.enum([
  'job.running',
  'job.queued',
  'job.paused',
  'job.succeeded',
  'job.stopped',
  'job.cancelled',
  'job.failed',
  'alert.fired',
])
export type WebhookEvent = z.infer<typeof WebhookEvent>

/** Where events go. Whether the address may be reached is asked again at every delivery, when its name is resolved. */
const url = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
  .max(2000)
  .refine((value) => !URL.canParse(value) || (new URL(value).username === '' && new URL(value).password === ''), {
    message: 'must not hold a user or a password; requests are signed instead',
    params: { code: 'not-allowed' },
  })
const events = z
  .array(WebhookEvent)
  .min(1)
  .max(WebhookEvent.options.length)
  .refine((list) => new Set(list).size === list.length, { message: 'must name each event once' })

export const Webhook = z
  .object({
    id: z.uuid(),
    url: z.string(),
    events: z.array(WebhookEvent),
    /** An inactive one is told nothing; what already waits for it waits on. */
    active: z.boolean(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' })
export type Webhook = z.infer<typeof Webhook>

export const CreateWebhook = z.strictObject({
  url,
  events: events.default(['job.succeeded', 'job.stopped', 'job.failed']),
  active: z.boolean().default(true),
})
export type CreateWebhook = z.infer<typeof CreateWebhook>

export const CreatedWebhook = Webhook.extend({
  /** What its requests are signed with, shown only now. Null where a repeated request is answered again. */
  secret: z.string().nullable(),
}).meta({ id: 'CreatedWebhook' })
export type CreatedWebhook = z.infer<typeof CreatedWebhook>

export const PatchWebhook = z
  .strictObject({ url, events, active: z.boolean() })
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, {
    message: 'give at least one of url, events, active',
    params: { code: 'required' },
  })
export type PatchWebhook = z.infer<typeof PatchWebhook>

/** One event on its way to one webhook. It may arrive more than once; `id` stays the same. */
export const WebhookDelivery = z
  .object({
    /** The header `webhook-id`. */
    id: z.uuid(),
    event: WebhookEvent,
    jobId: z.uuid(),
    state: z.enum(['pending', 'delivered', 'failed']),
    /** Requests so far. */
    tries: z.int(),
    /** When the next one is due; null when there is none. */
    nextAt: z.iso.datetime().nullable(),
    /** Of the newest answer; null when there was none. */
    status: z.int().nullable(),
    /** Why the newest request was no success. */
    error: z.string().nullable(),
    createdAt: z.iso.datetime(),
    deliveredAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' })
export type WebhookDelivery = z.infer<typeof WebhookDelivery>

/** What one request came to. Nothing of the answer's content is told: an address inside a network must not be readable from outside. */
export const WebhookAnswer = z
  .object({
    ok: z.boolean(),
    status: z.int().nullable(),
    error: z.string().nullable(),
    milliseconds: z.int(),
  })
  .meta({ id: 'WebhookAnswer' })
export type WebhookAnswer = z.infer<typeof WebhookAnswer>
