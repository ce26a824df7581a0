import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@kantor/runtime'

/** Renewals per lease at the least: five may fail in a row before another worker can take over. */
const RENEWALS_PER_LEASE = 6
/** More often than the lease needs: a renewal carries the progress that people watch, and its reply is how pause, stop and cancel arrive. Two rows each. */
const RENEW_AT_LEAST_EVERY_MS = 2000
/** Part of the lease, counted from the last renewal that was *sent* and answered, after which the attempt gives itself up. */
const SELF_FENCE = 0.75

export interface LeaseOptions<Reply> {
  leaseSeconds: number
  /** Asks the database for another `leaseSeconds`; null = another attempt owns it now. */
  renew: () => Promise<Reply | null>
  /** Learns from the reply what is wished. */
  heed: (reply: Reply) => void
  /** Somebody else owns it, or may in a moment: nothing is to be written any more. */
  onLost: () => void
  log: Logger
}

export interface Lease {
  /** Renews no more. What the database holds runs out, or ends with the booking. */
  release(): Promise<void>
}

/**
 * Keeps the lease on a job or task, counted from the claim at `sentAt` (monotonic ms). Two clocks guard it: the database's, which hands
 * the work on, and ours, which gives it up before that. Only the monotonic clock is asked, so a clock that is set back or forth changes
 * nothing.
 */
export function holdLease<Reply>(options: LeaseOptions<Reply>, sentAt: number): Lease {
  const { leaseSeconds, log } = options
  const periodMs = Math.min((leaseSeconds * 1000) / RENEWALS_PER_LEASE, RENEW_AT_LEAST_EVERY_MS)
  const giveUpMs = leaseSeconds * 1000 * SELF_FENCE
  const ended = new AbortController()
  let heldSince = sentAt
  let selfFence: NodeJS.Timeout | undefined

  function giveUp(): void {
    ended.abort()
    clearTimeout(selfFence)
    options.onLost()
  }

  const armSelfFence = () => {
    clearTimeout(selfFence)
    selfFence = setTimeout(
      () => {
        log.error({ leaseSeconds }, 'the lease could not be renewed in time, giving the attempt up')
        giveUp()
      },
      Math.max(0, heldSince + giveUpMs - performance.now()),
    )
  }

  async function renew(): Promise<void> {
    const sent = performance.now()
    const reply = await options.renew()
    // Once given up it stays so, also when the answer comes after all.
    if (ended.signal.aborted) return
    if (reply === null) {
      log.warn('another attempt owns it now')
      return giveUp()
    }
    heldSince = sent
    armSelfFence()
    options.heed(reply)
  }

  async function keepRenewing(): Promise<void> {
    while (!ended.signal.aborted) {
      // A failed renewal is tried again sooner: the database may be back in a moment.
      const ok = await renew().then(
        () => true,
        (error: unknown) => {
          log.warn({ err: error }, 'lease renewal failed')
          return false
        },
      )
      await sleep(ok ? periodMs : Math.min(periodMs, 1000), undefined, { signal: ended.signal }).catch(() => {})
    }
  }

  armSelfFence()
  const renewing = keepRenewing()
  return {
    async release() {
      ended.abort()
      clearTimeout(selfFence)
      await renewing
    },
  }
}
