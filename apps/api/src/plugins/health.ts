import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { share } from '../share.js'

const CHECK_MS = 2_000
const REMEMBERED_MS = 1_000

/** /healthz: this process answers. /readyz: what it needs answers too; 503 while it does not, or while it is going down. */
export function serveHealth(app: FastifyInstance, { db, queue, store, isShuttingDown }: ApiDeps): void {
  register(app, 'health', async () => ({ status: 'ok' as const }))

  // A public route must not be a way to load the services behind it.
  const check = share(REMEMBERED_MS, async () => {
    const answers = await Promise.all([answer(db.ping()), answer(queue.ping()), answer(store.ping())])
    return { database: answers[0], queue: answers[1], store: answers[2] }
  })
  register(app, 'ready', async ({ reply }) => {
    const checks: Record<string, string> = isShuttingDown?.() ? { process: 'going down' } : await check()
    const isReady = Object.values(checks).every((state) => state === 'ok')
    if (isReady) return { status: 'ok' as const, checks }
    reply.header('retry-after', 5)
    return reply.code(503).send({ status: 'unavailable', checks })
  })
}

/** No detail: anyone may ask. */
async function answer(ping: Promise<void>): Promise<'ok' | 'unavailable'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'unavailable'>((resolve) => {
    timer = setTimeout(resolve, CHECK_MS, 'unavailable')
  })
  const ended = ping.then(
    () => 'ok' as const,
    () => 'unavailable' as const,
  )
  try {
    return await Promise.race([ended, late])
  } finally {
    clearTimeout(timer)
  }
}
