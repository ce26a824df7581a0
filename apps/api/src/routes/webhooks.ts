import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  patchWebhook,
  webhookSecret,
} from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { validationFailed } from '../plugins/zod.js'
import { register } from '../register.js'
import { hostOf, isPublicAddress } from '../webhooks/public-address.js'
import { sendWebhook } from '../webhooks/send.js'

export function webhookRoutes(app: FastifyInstance, { allowPrivateWebhooks = false }: ApiDeps): void {
  /** Told at once where it can be; a name is judged by what it resolves to, at every delivery. */
  const assertReachable = (url: string | undefined) => {
    const host = url === undefined ? undefined : hostOf(new URL(url))
    if (host === undefined || allowPrivateWebhooks) return
    const isLocal = host === 'localhost' || host.endsWith('.localhost')
    if (!isLocal && (isIP(host) === 0 || isPublicAddress(host))) return
    const message = 'must not lead to this host or into a private network; KANTOR_WEBHOOK_PRIVATE=on allows it'
    throw validationFailed([{ pointer: '/url', code: 'not-allowed', message }])
  }

  register(app, 'listWebhooks', async ({ db }) => ({ items: await listWebhooks(db) }))
  register(app, 'createWebhook', async ({ db, body, reply }) => {
    assertReachable(body.url)
    const webhook = await createWebhook(db, body)
    reply.header('location', `/webhooks/${webhook.id}`)
    return webhook
  })
  register(app, 'getWebhook', ({ db, params }) => getWebhook(db, params.id))
  register(app, 'patchWebhook', async ({ db, params, body }) => {
    assertReachable(body.url)
    return patchWebhook(db, params.id, body)
  })
  register(app, 'deleteWebhook', async ({ db, params: { id } }) => {
    await deleteWebhook(db, id)
    return { id, deleted: true as const }
  })
  register(app, 'testWebhook', async ({ db, params: { id } }) => {
    const { url } = await getWebhook(db, id)
    const payload = JSON.stringify({
      type: 'webhook.test',
      timestamp: new Date().toISOString(),
      data: { webhookId: id },
    })
    const hook = { id: randomUUID(), url, secret: await webhookSecret(db, id), payload }
    return sendWebhook(hook, { allowPrivate: allowPrivateWebhooks })
  })
  register(app, 'listDeliveries', async ({ db, params, query }) => {
    const { id } = await getWebhook(db, params.id)
    return { items: await listDeliveries(db, id, query) }
  })
}
