import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@kantor/contracts'
import type { Logger } from '@kantor/runtime'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

/** Opens a service that may not be up yet: containers start in any order. Whatever is not an outage is thrown. */
export async function waitFor<T>(name: string, open: () => Promise<T>, log: Logger): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS, isFirst = true; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      const opened = await open()
      if (!isFirst) log.info(`${name}: is there now`)
      return opened
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'dependency-unavailable') throw error
      if (isFirst) log.warn({ err: error }, `${name}: does not answer yet; waiting for it`)
      isFirst = false
    }
    await sleep(pauseMs)
  }
}
