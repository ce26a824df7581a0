// Who is told of what happens to jobs: part of the route table.
import { z } from 'zod'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'
import { CreatedWebhook, CreateWebhook, PatchWebhook, Webhook, WebhookAnswer, WebhookDelivery } from './webhooks.js'

const Id = z.strictObject({ id: z.uuid() })

export const webhookRoutes = {
  listWebhooks: {
    method: 'GET',
    path: '/webhooks',
    scope: 'admin',
    summary: 'Every webhook, oldest first, without its secret',
    status: 200,
    reply: z.object({ items: z.array(Webhook) }),
  },
  createWebhook: {
    method: 'POST',
    path: '/webhooks',
    scope: 'admin',
    summary: 'Have events of jobs sent to an address, signed; the secret is shown only in this reply',
    body: CreateWebhook,
    status: 201,
    reply: CreatedWebhook,
    shownOnce: 'secret',
  },
  getWebhook: {
    method: 'GET',
    path: '/webhooks/:id',
    scope: 'admin',
    summary: 'One webhook, without its secret',
    params: Id,
    status: 200,
    reply: Webhook,
  },
  patchWebhook: {
    method: 'PATCH',
    path: '/webhooks/:id',
    scope: 'admin',
    summary: 'Change a webhook’s address or events, or switch it off and on',
    params: Id,
    body: PatchWebhook,
    status: 200,
    reply: Webhook,
  },
  deleteWebhook: {
    method: 'DELETE',
    path: '/webhooks/:id',
    scope: 'admin',
    summary: 'Delete a webhook with all its deliveries',
    params: Id,
    status: 200,
    reply: z.object({ id: z.uuid(), deleted: z.literal(true) }),
  },
  testWebhook: {
    method: 'POST',
    path: '/webhooks/:id/test',
    scope: 'admin',
    summary: 'Send a webhook one event of type webhook.test now, and tell how it was answered',
    params: Id,
    status: 200,
    reply: WebhookAnswer,
  },
  listDeliveries: {
    method: 'GET',
    path: '/webhooks/:id/deliveries',
    scope: 'admin',
    summary: 'The newest deliveries of a webhook; those that are over are kept for seven days',
    params: Id,
    query: z.strictObject({
      state: WebhookDelivery.shape.state.optional(),
      limit: wholeNumber(1, 200).default(50),
    }),
    status: 200,
    reply: z.object({ items: z.array(WebhookDelivery) }),
  },
} as const satisfies Record<string, Route>
