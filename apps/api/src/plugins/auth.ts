import { allows, AppError, type KeyQuotas, type Scope } from '@kantor/contracts'
import { type Database, findSession, hasKeys, type KeyHolder, verifyKey } from '@kantor/db'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { sessionCookie } from '../session-cookie.js'
import { assertKnownHost, assertLocal, assertNotForeign, assertOwnPage } from './origin.js'
import { openRateLimit } from './rate-limit.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that a key needs here; `public` answers anyone. A route without it does not start. */
    scope?: Scope | 'public'
    /** The route has a body schema, and an empty object does not meet it. */
    expectsBody?: boolean
  }
  interface FastifyRequest {
    /** Who asks; null on public routes. */
    caller: Caller | null
  }
}

export interface Caller {
  /** The key's name, or `local` while there are no keys. */
  name: string
  /** Null without keys. */
  keyId: string | null
  scope: Scope
  /** Of the key; null without one. */
  quotas: KeyQuotas | null
  /** Of the cookie that it came with; null for a bearer key. */
  sessionEnd: Date | null
}

/** How long a new first key may take to close the keyless door. */
const KEYS_REMEMBERED_MS = 3_000
const keyInUrl = /kantor_[0-9a-f]{8,}|[?&](?:api[-_]?key|access[-_]?token|authorization|token)=/i

/** Deny by default: a route is reachable as its `config.scope` says, and a route without one keeps the service from starting. */
export async function useAuth(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const undeclared: (() => string | null)[] = []
  app.addHook('onRoute', (route) => {
    undeclared.push(() => (route.config?.scope === undefined ? `${[route.method].flat().join()} ${route.url}` : null))
  })
  app.addHook('onReady', async () => {
    const names = undeclared.flatMap((name) => name() ?? [])
    if (names.length > 0) throw new Error(`these routes declare no scope: ${names.join(', ')}`)
  })

  const limit = await openRateLimit(app, deps.requestsPerSecond)
  const anyKeys = remembered(deps.db)
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request) => {
    if (keyInUrl.test(decoded(request.url)))
      throw new AppError(
        'credential-in-url',
        'send the key in the Authorization header; this one is in logs now: revoke it',
      )
    const { scope } = request.routeOptions.config
    // A path that does not exist has nothing to guard.
    if (request.is404) return limit(request)
    if (scope === 'public') {
      // What asks whether the service is well does not count, and asks under any name.
      if (request.method !== 'POST') return
      assertKnownHost(request, deps)
      assertNotForeign(request)
      return limit(request)
    }
    if (scope === undefined) throw new AppError('insufficient-scope', 'this route declares no scope')

    const caller = await identify(request, deps, anyKeys)
    request.caller = caller
    await limit(request)
    if (!caller) throw unauthenticated()
    assertKnownHost(request, deps)
    if (caller.sessionEnd) assertOwnPage(request)
    if (!allows(caller.scope, scope))
      throw new AppError('insufficient-scope', `this needs a key of scope ${scope}; this key has ${caller.scope}`)
  })
}

/** By its key, else by its session's cookie, else, while there are no keys, by its being on this machine. */
async function identify(
  request: FastifyRequest,
  { db, allowKeyless }: ApiDeps,
  anyKeys: () => Promise<boolean>,
): Promise<Caller | null> {
  const token = bearer(request)
  if (token !== undefined) {
    const holder = await verifyKey(db, token)
    return holder && callerOf(holder, null)
  }
  const cookie = sessionCookie.read(request)
  const session = cookie === undefined ? null : await findSession(db, cookie)
  if (session) return callerOf(session.holder, session.expiresAt)
  if (!allowKeyless || (await anyKeys())) return null
  if (!assertLocal(request)) return null
  return { name: 'local', keyId: null, scope: 'admin', quotas: null, sessionEnd: null }
}

export const callerOf = ({ id, name, scope, quotas }: KeyHolder, sessionEnd: Date | null): Caller => ({
  name,
  keyId: id,
  scope,
  quotas,
  sessionEnd,
})

// One text for an absent, malformed, unknown, expired and revoked key.
export const unauthenticated = () =>
  new AppError('unauthenticated', 'send Authorization: Bearer <key>; `kantor key create` makes a key')

function bearer(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ''
}

const decoded = (url: string) => {
  try {
    return decodeURIComponent(url)
  } catch {
    return url
  }
}

/** `hasKeys`, asked at most every few seconds. */
function remembered(db: Database): () => Promise<boolean> {
  let known = false
  let until = 0
  return async () => {
    if (performance.now() >= until) {
      known = await hasKeys(db)
      until = performance.now() + KEYS_REMEMBERED_MS
    }
    return known
  }
}
