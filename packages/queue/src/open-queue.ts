import { defaultLockTimes, type LockTimes, openBullQueue } from './bull-queue.js'
import { messageOf } from './failure.js'
import { postgresBackend } from './postgres-backend.js'
import { redisBackend } from './redis-backend.js'
import type { TicketQueue } from './ticket-queue.js'

export interface QueueOptions {
  /** When given, the tickets are in Redis. */
  redisUrl?: string | undefined
  /** Otherwise they are in this database, schema `bullmq`. */
  databaseUrl: string
  /** Told of lost connections and rejected handles; the same message at most every 30 s. Default: nothing is told. */
  onError?: ((error: unknown) => void) | undefined
  /** Told of what the server might lose. Default: nothing is told. */
  warn?: ((message: string) => void) | undefined
  lockTimes?: LockTimes | undefined
}

/** Connects for at most 30 s, then rejects with AppError `dependency-unavailable`; QueueUnusable at once. Call `close` when done. */
export function openQueue(options: QueueOptions): Promise<TicketQueue> {
  const report = rateLimited(options.onError ?? (() => {}))
  const backend = options.redisUrl
    ? redisBackend(options.redisUrl, report, options.warn ?? (() => {}))
    : postgresBackend(options.databaseUrl, report)
  return openBullQueue(backend, options.lockTimes ?? defaultLockTimes, report)
}

/** A server that is away makes BullMQ emit thousands of errors per second. */
function rateLimited(tell: (error: unknown) => void): (error: unknown) => void {
  const toldAt = new Map<string, number>()
  return (error) => {
    const message = messageOf(error)
    const now = performance.now()
    if (now - (toldAt.get(message) ?? -Infinity) < 30_000) return
    if (toldAt.size > 100) toldAt.clear()
    toldAt.set(message, now)
    tell(error)
  }
}
