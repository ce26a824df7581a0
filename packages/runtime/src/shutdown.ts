import closeWithGrace from 'close-with-grace'
import type { Logger } from './logger.js'

export interface ShutdownReason {
  /** The signal that asked for it, when there was one. */
  signal?: string
  /** The uncaught error that forced it, when there was one. */
  error?: unknown
}

export interface Shutdown {
  /** Starts the same shutdown from within; the process exits 0 when it is done. */
  begin(): void
  /** Removes the handlers. */
  uninstall(): void
}

/**
 * Runs `close` once on the first signal or uncaught error and then exits: 0 after a signal, 1 after an error or when
 * `graceMs` have passed. A second signal exits 1 at once. Children are not signalled here: `close` owns them.
 */
export function runUntilSignal(
  log: Logger,
  options: { graceMs: number },
  close: (reason: ShutdownReason) => Promise<void>,
): Shutdown {
  const handle = closeWithGrace(
    {
      delay: options.graceMs,
      logger: {
        error: (message: unknown) => log.error(message instanceof Error ? { err: message } : String(message)),
      },
    },
    async ({ signal, err }) => {
      if (err) log.fatal({ err }, 'uncaught error, shutting down')
      else log.info({ signal }, 'shutting down')
      await close({ ...(signal && { signal }), ...(err && { error: err }) })
    },
  )
  return { begin: () => handle.close(), uninstall: () => handle.uninstall() }
}
