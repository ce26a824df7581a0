import { allows, AppError, type Scope } from '@kantor/contracts'
import { type Database, hasKeys, verifyKey } from '@kantor/db'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { isLoopback, withoutPort } from '../loopback.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that a key needs here; `public` answers anyone. A route without it does not start. */
    scope?: Scope | 'public'
    /** The route has a body schema, and an empty object does not meet it. */
    expectsBody?: boolean
  }
  interface FastifyRequest {
    /** Who asks: the key's name, or `local` while there are no keys. Null on public routes. */
    actor: string | null
    /** Its key's id; null without keys. */
    keyId: string | null
  }
}

/** How long a new first key may take to close the keyless door. */
const KEYS_REMEMBERED_MS = 3_000
const keyInUrl = /kantor_[0-9a-f]{8,}|[?&](?:api[-_]?key|access[-_]?token|authorization|token)=/i

/** Deny by default: a route is reachable as its `config.scope` says, and a route without one keeps the service from starting. */
export function useAuth(app: FastifyInstance, deps: Pick<ApiDeps, 'db' | 'allowKeyless'>): void {
  const undeclared: (() => string | null)[] = []
  app.addHook('onRoute', (route) => {
    undeclared.push(() => (route.config?.scope === undefined ? `${[route.method].flat().join()} ${route.url}` : null))
  })
  app.addHook('onReady', async () => {
    const names = undeclared.flatMap((name) => name() ?? [])
    if (names.length > 0) throw new Error(`these routes declare no scope: ${names.join(', ')}`)
  })

  const anyKeys = remembered(deps.db)
  app.decorateRequest('actor', null)
  app.decorateRequest('keyId', null)
  app.addHook('onRequest', async (request) => {
    if (keyInUrl.test(decoded(request.url)))
      throw new AppError(
        'credential-in-url',
        'send the key in the Authorization header; this one is in logs now: revoke it',
      )
    const { scope } = request.routeOptions.config
    // A path that does not exist has nothing to guard.
    if (request.is404 || scope === 'public') return
    if (scope === undefined) throw new AppError('insufficient-scope', 'this route declares no scope')

    const token = bearer(request)
    if (token === undefined && deps.allowKeyless && !(await anyKeys())) {
      assertLocal(request)
      request.actor = 'local'
      return
    }
    const key = token === undefined ? null : await verifyKey(deps.db, token)
    if (!key) throw unauthenticated()
    if (!allows(key.scope, scope))
      throw new AppError('insufficient-scope', `this needs a key of scope ${scope}; this key has ${key.scope}`)
    request.actor = key.name
    request.keyId = key.id
  })
}

// One text for an absent, malformed, unknown, expired and revoked key.
const unauthenticated = () =>
  new AppError('unauthenticated', 'send Authorization: Bearer <key>; `kantor key create` makes a key')

function bearer(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ''
}

/**
 * Without keys a request is believed because it comes from this machine, so nothing may speak through it: no other host's name
 * (DNS rebinding), no proxy, and for what changes something no other site's page (CSRF).
 */
function assertLocal(request: FastifyRequest): void {
  const { headers, method } = request
  if (!isLoopback(request.socket.remoteAddress ?? '') || headers['x-forwarded-for'] !== undefined || headers.forwarded)
    throw unauthenticated()
  const host = headers.host ?? ''
  if (!isLoopback(withoutPort(host)))
    throw new AppError(
      'forbidden-origin',
      'without API keys the service answers only to localhost; see `kantor key create`',
    )
  if (method === 'GET' || method === 'HEAD') return
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const isForeign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
  if (isForeign) throw new AppError('forbidden-origin', 'a page of another site may not change anything here')
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
