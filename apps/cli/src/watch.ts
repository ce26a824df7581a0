import { type Client, type JobView, watchJob } from '@kantor/client'
import { Failure } from './failure.js'
import { note, printJson } from './output.js'
import { showProgress } from './progress.js'

export interface WatchUntilOverOptions {
  timeoutSeconds?: number
  /** Aborts the watch; the caller says why. Without one, SIGINT and SIGTERM detach. */
  signal?: AbortSignal
}

/** Shows a job's progress on stderr until it is over. Ctrl-C detaches: the job goes on, and its id is said. */
export async function watchUntilOver(
  client: Client,
  id: string,
  options: WatchUntilOverOptions = {},
): Promise<JobView> {
  const stop = new AbortController()
  const detach = () =>
    stop.abort(
      new Failure('interrupted', `no longer watching; job ${id} goes on`, { remedy: `kantor job watch ${id}` }),
    )
  const outer = () => stop.abort(options.signal?.reason)
  const timer =
    options.timeoutSeconds === undefined
      ? undefined
      : setTimeout(
          () =>
            stop.abort(new Failure('timedOut', `job ${id} is not over after ${options.timeoutSeconds} s; it goes on`)),
          options.timeoutSeconds * 1000,
        )
  if (options.signal) {
    if (options.signal.aborted) outer()
    options.signal.addEventListener('abort', outer, { once: true })
  } else {
    process.once('SIGINT', detach)
    process.once('SIGTERM', detach)
  }
  const progress = showProgress(note)
  let last: JobView | undefined
  try {
    for await (const view of watchJob(client, id, { signal: stop.signal })) {
      last = view
      progress.update(view)
    }
  } finally {
    progress.end()
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', outer)
    process.removeListener('SIGINT', detach)
    process.removeListener('SIGTERM', detach)
  }
  if (last === undefined) throw new Error(`job ${id} was never seen`)
  return last
}

/** Watches a job to its end and says how it ended. Failure `failed` when nothing usable came of it. */
export async function follow(client: Client, id: string, options: { timeout?: number; json?: boolean }): Promise<void> {
  const { job } = await watchUntilOver(client, id, {
    ...(options.timeout !== undefined && { timeoutSeconds: options.timeout }),
  })
  if (options.json) printJson(job)
  const message = `${job.name} ${job.state} (${job.reason})${job.message === null ? '' : `: ${job.message}`}`
  if (job.state !== 'succeeded' && job.state !== 'stopped') throw new Failure('failed', message)
  note(message)
}
