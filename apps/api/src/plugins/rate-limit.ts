import rateLimit from '@fastify/rate-limit'
import { AppError } from '@kantor/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** A short window: who is refused loses a second, not a minute. */
const WINDOW_MS = 1_000
/** Clients that are remembered; more of them push out the longest silent. */
const CLIENTS = 10_000

/**
 * Counts a request for its key, or for its address while it shows none that is good. AppError `rate-limited`, with the seconds to wait,
 * above `perSecond`; 0 or nothing is no limit. Each process counts for itself.
 */
export async function openRateLimit(
  app: FastifyInstance,
  perSecond: number | undefined,
): Promise<(request: FastifyRequest) => Promise<void>> {
  if (!perSecond) return async () => {}
  await app.register(rateLimit, { global: false, cache: CLIENTS })
  const count = app.createRateLimit({
    max: perSecond,
    timeWindow: WINDOW_MS,
    keyGenerator: ({ caller, ip }: FastifyRequest) => (caller?.keyId ? `key ${caller.keyId}` : `address ${ip}`),
  })
  return async (request) => {
    const found = await count(request)
    if (found.isAllowed || !found.isExceeded) return
    throw new AppError(
      'rate-limited',
      `at most ${perSecond} requests per second; POST /jobs/batch submits many at once`,
      {
        retryAfterSeconds: Math.max(1, found.ttlInSeconds),
      },
    )
  }
}
