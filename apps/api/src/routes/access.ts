import { AppError } from '@kantor/contracts'
import {
  createKey,
  type Database,
  endSession,
  getKey,
  hasKeys,
  joinedTransaction,
  listAudit,
  listKeys,
  patchKey,
  revokeKey,
  startSession,
  verifyKey,
} from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { type Caller, callerOf, unauthenticated } from '../plugins/auth.js'
import { register } from '../register.js'
import { sessionCookie } from '../session-cookie.js'

export function accessRoutes(app: FastifyInstance): void {
  register(app, 'listKeys', async ({ db }) => ({ items: await listKeys(db) }))
  register(app, 'createKey', async ({ body, db, reply }) => {
    const { expiresAt, ...rest } = body
    const { id, key } = await createKey(db, { ...rest, expiresAt: dateOf(expiresAt) ?? null })
    reply.header('location', `/api-keys/${id}`)
    return { ...(await getKey(db, id)), token: key }
  })
  register(app, 'patchKey', ({ params, body, db }) =>
    joinedTransaction(db, async (joined) => {
      const key = await patchKey(joined, params.id, body)
      await assertAdminLeft(joined)
      return key
    }),
  )
  register(app, 'revokeKey', ({ params, db }) =>
    joinedTransaction(db, async (joined) => {
      await revokeKey(joined, params.id)
      await assertAdminLeft(joined)
      return getKey(joined, params.id)
    }),
  )

  register(app, 'startSession', async ({ body, db, request, reply }) => {
    const holder = await verifyKey(db, body.key)
    if (!holder) throw unauthenticated()
    const { token, expiresAt } = await startSession(db, holder.id)
    sessionCookie.set(reply, token, expiresAt)
    request.caller = callerOf(holder, expiresAt)
    return sessionOf(request.caller)
  })
  register(app, 'getSession', async ({ request }) => sessionOf(request.caller!))
  register(app, 'endSession', async ({ db, request, reply }) => {
    const token = sessionCookie.read(request)
    sessionCookie.clear(reply)
    return { ended: token !== undefined && (await endSession(db, token)) }
  })

  register(app, 'listAudit', ({ query, db }) => listAudit(db, query))
}

const dateOf = (text: string | null | undefined) => (typeof text === 'string' ? new Date(text) : text)

const sessionOf = ({ name, keyId, scope, sessionEnd }: Caller) => ({
  actor: name,
  keyId,
  scope,
  expiresAt: sessionEnd?.toISOString() ?? null,
})

/** With the last key gone, the service would be open to whoever is on its machine, or closed to everybody. */
async function assertAdminLeft(db: Database): Promise<void> {
  if (await hasKeys(db, 'admin')) return
  throw new AppError('last-admin-key', 'no admin key would be left; make another one first, or use `kantor key revoke`')
}
