import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@kantor/runtime'

export interface RepeatOptions {
  /** For the log: what does not work while it does not. */
  name: string
  /** Pause after each success. */
  everyMs: number
  /** Ends the pause early. */
  bell?: Bell
  /** Milliseconds that not even the bell takes away: bells that ring without end make one run each so often. Default 0. */
  restMs?: number
  /** Ends the loop after the run under way. */
  signal: AbortSignal
  log: Logger
}

const LONGEST_PAUSE_MS = 5_000

/** Runs `work` again and again, never twice at once. While it fails the pauses grow, and the log gets one line for the whole outage. */
export async function repeat(options: RepeatOptions, work: () => Promise<void>): Promise<void> {
  const { name, everyMs, bell, restMs = 0, signal, log } = options
  let numFailures = 0
  let failingSince = 0
  while (!signal.aborted) {
    try {
      await work()
      if (numFailures > 0)
        log.info(
          { numFailures, seconds: Math.round((performance.now() - failingSince) / 1000) },
          `${name}: works again`,
        )
      numFailures = 0
    } catch (error) {
      if (numFailures === 0) {
        failingSince = performance.now()
        log.warn({ err: error }, `${name}: failed; trying again until it works`)
      }
      numFailures += 1
    }
    const pauseMs = Math.min(everyMs * 2 ** Math.min(numFailures, 10), Math.max(everyMs, LONGEST_PAUSE_MS))
    // Nobody can ring an outage away.
    if (bell && numFailures === 0) {
      if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => {})
      await bell.wait(Math.max(0, pauseMs - restMs), signal)
    } else await sleep(pauseMs, undefined, { signal }).catch(() => {})
  }
}

/** Wakes one sleeper; rung while nobody sleeps, it shortens the next sleep to nothing. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        signal.addEventListener('abort', wake)
        this.#wake = wake
      })
    }
    this.#rung = false
    this.#wake = undefined
  }
}
