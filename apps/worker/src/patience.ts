import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@kantor/contracts'
import type { Logger } from '@kantor/runtime'
import { isDiskFull } from './disk-full.js'

const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 10_000

/** True for an outage (database and store say so in one way) and for a full disk: the caller loses nothing by waiting. */
const isOutage = (error: unknown) =>
  (error instanceof AppError && error.code === 'dependency-unavailable') || isDiskFull(error)

export interface Patience {
  signal: AbortSignal
  log: Logger
  /** Told of every try that met an outage. */
  onOutage?: (error: unknown) => void
}

/**
 * Runs `action` until it works or fails for another reason than an outage. It waits for as long as it takes, since the lease
 * says when waiting has lost its point: then `signal` aborts and its reason is thrown. `action` must bear repetition.
 */
export async function outlast<T>(
  what: string,
  action: () => Promise<T>,
  { signal, log, onOutage }: Patience,
): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2)) {
    signal.throwIfAborted()
    try {
      return await unlessAborted(action(), signal)
    } catch (error) {
      if (signal.aborted || !isOutage(error)) throw error
      onOutage?.(error)
      log.warn({ err: error, retryInMs: delayMs }, `${what}: a service is away or the disk is full, waiting`)
    }
    await sleep(delayMs, undefined, { signal }).catch(() => {})
  }
}

/** What is under way is left to itself: an upload that ends later makes an object without a row, which is only litter. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: settled.signal })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    settled.abort()
  }
}
