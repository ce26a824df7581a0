import {
  type Database,
  drawTickets,
  type DrawnTicket,
  forgetAudit,
  forgetDeliveries,
  requeueImports,
  tryLead,
  watchAlerts,
} from '@kantor/db'
import type { TicketQueue } from '@kantor/queue'
import { crashpoint, type Logger, type Tracing } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { collectGarbage } from './collect-garbage.js'
import { type ImporterDeps, importNext } from './imports/importer.js'
import { hasNamespaces } from './imports/sandbox.js'
import { reconcileOnce } from './reconciler.js'
import { Bell, repeat } from './repeat.js'
import { deliverOnce } from './webhooks/deliver.js'

export interface Dispatcher {
  /** A job waits: draw tickets now. Does nothing when another instance leads; that one looks within a second. */
  wake(): void
  /** Finishes what is under way and gives the lead up. */
  close(): Promise<void>
}

export interface DispatcherOptions {
  db: Database
  queue: Pick<TicketQueue, 'enqueue'>
  store: Omit<ObjectStore, 'ping' | 'close'>
  log: Logger
  /** Where imports work and what they may read; without it none is worked on. */
  imports?: Omit<ImporterDeps, 'db' | 'store' | 'log'>
  tracing?: Tracing | undefined
  /** Milliseconds between looks at the table. */
  drawEveryMs?: number
  reconcileEveryMs?: number
  /** Webhooks may lead to this host and into private networks. */
  allowPrivateWebhooks?: boolean
  /** Between looks for events that webhooks wait for. */
  deliverEveryMs?: number
  /** Between looks at the jobs that alert rules watch. */
  watchEveryMs?: number
  /** Between looks at the object store for litter. */
  collectEveryMs?: number
  /** That an entry of the audit log is kept. */
  auditDays?: number
  /** Between tries to become the leader. */
  leadEveryMs?: number
}

/**
 * Rows to tickets. Of all instances one leads, by a lock in the database; it draws tickets every second and on `wake`, and
 * reconciles every ten. Losing database or queue only delays it.
 */
export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const { db, log, leadEveryMs = 2_000 } = options
  const closing = new AbortController()
  const bell = new Bell()
  const running = repeat({ name: 'leader election', everyMs: leadEveryMs, signal: closing.signal, log }, async () => {
    const lead = await tryLead(db)
    if (!lead) return
    const over = new AbortController()
    const end = () => over.abort()
    closing.signal.addEventListener('abort', end, { once: true })
    void lead.lost.then(end)
    if (closing.signal.aborted) end()
    log.info('this instance dispatches jobs')
    await dispatch(options, bell, over.signal)
    closing.signal.removeEventListener('abort', end)
    log.info('this instance no longer dispatches jobs')
    await lead.release()
  })
  return {
    wake: () => bell.ring(),
    async close() {
      closing.abort()
      await running
    },
  }
}

/** A thousand submissions a second ring a thousand times; they want one draw, not as many as the database can do beside them. */
const REST_MS = 50
const IMPORT_EVERY_MS = 1_000

/** Loops of their own, because a queue that is away must not keep expired leases from being taken back. */
async function dispatch(options: DispatcherOptions, bell: Bell, signal: AbortSignal): Promise<void> {
  const { db, queue, store, log, drawEveryMs = 1_000, reconcileEveryMs = 10_000, collectEveryMs = 3_600_000 } = options
  const { deliverEveryMs = 1_000, watchEveryMs = 10_000, allowPrivateWebhooks: allowPrivate = false, imports } = options
  const { auditDays = 730 } = options
  // Of a leader that is gone.
  const requeued = imports ? await requeueImports(db) : 0
  if (requeued > 0) log.warn({ requeued }, 'imports were under way when their leader ended; they start again')
  if (imports && !(await hasNamespaces()))
    log.warn('this system gives no namespaces: what decodes images of strangers has a network and sees our processes')
  // Drawn tickets that the queue did not take yet: drawn once, they would not be drawn again for 20 s.
  let undelivered: DrawnTicket[] = []
  const drawing = repeat(
    { name: 'dispatching', everyMs: drawEveryMs, bell, restMs: REST_MS, signal, log },
    async () => {
      if (undelivered.length === 0) undelivered = await drawTickets(db)
      if (undelivered.length === 0) return
      crashpoint('tickets-drawn')
      await enqueue(queue, undelivered, options.tracing)
      crashpoint('tickets-enqueued')
      log.debug({ numTickets: undelivered.length }, 'tickets are in the queue')
      undelivered = []
    },
  )
  const reconciling = repeat({ name: 'reconciling', everyMs: reconcileEveryMs, signal, log }, async () => {
    // A job that was taken back waits for a ticket.
    if (await reconcileOnce(db, log)) bell.ring()
  })
  const collecting = repeat({ name: 'collecting litter', everyMs: collectEveryMs, signal, log }, async () => {
    await collectGarbage(db, store, log)
    await forgetDeliveries(db)
    await forgetAudit(db, auditDays)
  })
  const delivering = repeat({ name: 'webhooks', everyMs: deliverEveryMs, signal, log }, async () => {
    let numSent: number
    do numSent = await deliverOnce(db, { allowPrivate })
    while (numSent > 0 && !signal.aborted)
  })
  const watching = repeat({ name: 'alerts', everyMs: watchEveryMs, signal, log }, async () => {
    await watchAlerts(db)
  })
  const importing = imports
    ? repeat({ name: 'imports', everyMs: IMPORT_EVERY_MS, signal, log }, async () => {
        while (!signal.aborted && (await importNext({ db, store, log, ...imports }, signal)));
      })
    : undefined
  await Promise.all([drawing, reconciling, collecting, delivering, watching, importing])
}

/** Each under the trace of the request that submitted its job. */
async function enqueue(queue: DispatcherOptions['queue'], drawn: DrawnTicket[], tracing?: Tracing): Promise<void> {
  const spans = drawn.map(({ jobId, ticketNo, deviceClass, traceparent }) =>
    tracing?.start(`dispatch ${deviceClass}`, {
      kind: 'producer',
      parent: traceparent,
      attributes: { 'kantor.job_id': jobId, 'kantor.ticket': ticketNo },
    }),
  )
  const end = (failure?: string) => spans.forEach((span) => span?.end({ failure }))
  try {
    await queue.enqueue(drawn.map(({ jobId, ticketNo, deviceClass }) => ({ jobId, ticketNo, deviceClass })))
    end()
  } catch (error) {
    end(String(error))
    throw error
  }
}
