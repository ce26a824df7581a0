import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '@kantor/contracts'
import { type Database, type Fence, renewLease } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import type { Intent } from './intent.js'

/** Renewals per lease at the least: five may fail in a row before another worker can take the job. */
const RENEWALS_PER_LEASE = 6
/** More often than the lease needs: a renewal carries the progress that people watch, and its reply is how pause, stop and cancel arrive. Two rows each. */
const RENEW_AT_LEAST_EVERY_MS = 2000
/** Part of the lease, counted from the last renewal that was *sent* and answered, after which the attempt gives itself up. */
const SELF_FENCE = 0.75

export interface LeaseOptions {
  db: Database
  fence: Fence
  leaseSeconds: number
  intent: Intent
  progress: () => Progress | undefined
  /** Processor time of the trainer so far. */
  cpuSeconds: () => number | undefined
  log: Logger
}

export interface Lease {
  /** Renews no more. What the database holds runs out, or ends with the booking. */
  release(): Promise<void>
}

/**
 * Keeps an attempt's lease, counted from the claim at `sentAt` (monotonic ms), and turns what the replies say into intents.
 * Two clocks guard it: the database's, which hands the job on, and ours, which gives it up before that. Only the monotonic
 * clock is asked, so a clock that is set back or forth changes nothing.
 */
export function holdLease(
  { db, fence, leaseSeconds, intent, progress, cpuSeconds, log }: LeaseOptions,
  sentAt: number,
): Lease {
  const periodMs = Math.min((leaseSeconds * 1000) / RENEWALS_PER_LEASE, RENEW_AT_LEAST_EVERY_MS)
  const giveUpMs = leaseSeconds * 1000 * SELF_FENCE
  const released = new AbortController()
  let heldSince = sentAt
  let selfFence: NodeJS.Timeout | undefined

  const armSelfFence = () => {
    clearTimeout(selfFence)
    selfFence = setTimeout(
      () => {
        log.error({ leaseSeconds }, 'the lease could not be renewed in time, giving the attempt up')
        intent.raise('lost')
      },
      Math.max(0, heldSince + giveUpMs - performance.now()),
    )
  }

  async function renew(): Promise<void> {
    const sent = performance.now()
    const current = progress()
    const job = await renewLease(db, fence, { leaseSeconds, progress: current, cpuSeconds: cpuSeconds() })
    if (released.signal.aborted) return
    if (job === null) {
      log.warn('another attempt owns the job now')
      return intent.raise('lost')
    }
    heldSince = sent
    armSelfFence()
    if (job.state === 'cancelling') intent.raise('cancel')
    if (job.state === 'stopping') intent.raise('stop')
    if (job.state === 'pausing') intent.raise(job.pauseCheckpoint === 'latest' ? 'halt' : 'pause')
  }

  async function keepRenewing(): Promise<void> {
    while (!released.signal.aborted && intent.current !== 'lost') {
      // A failed renewal is tried again sooner: the database may be back in a moment.
      const ok = await renew().then(
        () => true,
        (error: unknown) => {
          log.warn({ err: error }, 'lease renewal failed')
          return false
        },
      )
      await sleep(ok ? periodMs : Math.min(periodMs, 1000), undefined, { signal: released.signal }).catch(() => {})
    }
  }

  armSelfFence()
  const renewing = keepRenewing()
  return {
    async release() {
      released.abort()
      clearTimeout(selfFence)
      await renewing
    },
  }
}
