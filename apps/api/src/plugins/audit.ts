import { routes } from '@kantor/contracts'
import { appendAudit, type Database, type NewAuditEntry } from '@kantor/db'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { isDryRun } from '../register.js'

/** What a client reads in its bytes is shown to it all day; a whole file that leaves is told. */
const isDownload = (route: (typeof routes)[keyof typeof routes]) =>
  route.method === 'GET' && (route.reply === 'application/octet-stream' || route.reply === 'application/zip')
const actions = new Map(
  Object.entries(routes)
    .filter(([, route]) => route.method !== 'GET' || isDownload(route))
    .map(([name, { method, path }]) => [`${method} ${path}`, name]),
)

/**
 * Every request of a known caller that changes something, or tries to, and every download of a file, is in the audit log before it
 * is answered. An outage right then keeps the answer but not the entry, and says so in the process's log.
 */
export function useAudit(app: FastifyInstance, { db }: Pick<ApiDeps, 'db'>): void {
  const append = grouped(db)
  app.addHook('onSend', async (request, reply) => {
    const entry = entryOf(request, reply)
    if (!entry) return
    await append(entry).catch((error: unknown) => request.log.error({ err: error, entry }, 'not in the audit log'))
  })
}

function entryOf(request: FastifyRequest, reply: FastifyReply): NewAuditEntry | null {
  const { caller, routeOptions, method } = request
  const action = actions.get(`${method} ${routeOptions.url}`)
  if (!caller || action === undefined || reply.statusCode === 304 || isDryRun(action, request.query)) return null
  const made = reply.getHeader('location')
  const { id } = (request.params ?? {}) as { id?: string }
  const target = typeof made === 'string' ? made.split('/').at(-1)! : (id ?? null)
  return {
    actor: caller.name,
    keyId: caller.keyId,
    address: request.ip,
    requestId: request.id,
    action,
    // As in a URL: of what a path may hold, Postgres refuses NUL, and with it the whole group of entries.
    target: target === null ? null : encodeURIComponent(target).slice(0, 100),
    status: reply.statusCode,
  }
}

/** One statement at a time; what comes while it runs goes together into the next: as many requests as there are cost a few commits. */
function grouped(db: Database): (entry: NewAuditEntry) => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let next: { entries: NewAuditEntry[]; written: Promise<void> } | undefined
  return (entry) => {
    if (next) {
      next.entries.push(entry)
      return next.written
    }
    const entries = [entry]
    const write = () => {
      next = undefined
      return appendAudit(db, entries)
    }
    const written = running.then(write, write)
    next = { entries, written }
    running = written
    return written
  }
}
