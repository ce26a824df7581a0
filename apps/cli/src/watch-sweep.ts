import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, ClientError } from '@kantor/client'
import { isOwned, isTerminal, JobState, type Sweep } from '@kantor/contracts'
import { Failure } from './failure.js'
import { figure, note, printJson } from './output.js'

const LOOK_EVERY_MS = 2_000
const PATIENCE_MS = 30_000

/** `12 of 18 over, 4 at work, 1 failed; best #3 0.0123`. */
export function progressOf({ counts, trials, best }: Sweep): string {
  const count = (of: (state: JobState) => boolean) =>
    JobState.options.reduce((sum, state) => sum + (of(state) ? counts[state] : 0), 0)
  const parts = [
    `${count(isTerminal)} of ${trials} over`,
    `${count(isOwned)} at work`,
    ...(['paused', 'failed', 'cancelled'] as const).flatMap((state) =>
      counts[state] > 0 ? `${counts[state]} ${state}` : [],
    ),
  ]
  return `${parts.join(', ')}${best ? `; best #${best.trial} ${figure(best.value)}` : ''}`
}

/**
 * Says on stderr what becomes of a sweep until its trials are over. Ctrl-C detaches: the sweep goes on. Failure `failed` when a trial
 * failed or was cancelled, `timedOut`, `interrupted`.
 */
export async function followSweep(
  client: Client,
  id: string,
  { timeout, json }: { timeout?: number; json?: boolean },
): Promise<void> {
  const stop = new AbortController()
  const remedy = `kantor sweep watch ${id}`
  const detach = () => stop.abort(new Failure('interrupted', `no longer watching; sweep ${id} goes on`, { remedy }))
  const late = new Failure('timedOut', `sweep ${id} is not over after ${timeout} s; it goes on`, { remedy })
  const timer = timeout === undefined ? undefined : setTimeout(() => stop.abort(late), timeout * 1000)
  process.once('SIGINT', detach)
  process.once('SIGTERM', detach)
  try {
    const sweep = await untilOver(client, id, stop.signal)
    if (json) printJson(sweep)
    const { failed, cancelled } = sweep.counts
    if (failed + cancelled > 0) throw new Failure('failed', `${sweep.name}: ${failed} failed, ${cancelled} cancelled`)
  } finally {
    clearTimeout(timer)
    process.removeListener('SIGINT', detach)
    process.removeListener('SIGTERM', detach)
  }
}

async function untilOver(client: Client, id: string, signal: AbortSignal): Promise<Sweep> {
  let said = ''
  let awaySince: number | undefined
  for (;;) {
    signal.throwIfAborted()
    try {
      const sweep = await client.getSweep({ params: { id }, signal })
      awaySince = undefined
      const line = progressOf(sweep)
      if (line !== said) note(line)
      said = line
      if (sweep.state === 'finished') return sweep
    } catch (error) {
      if (!(error instanceof ClientError) || !error.transient) throw error
      awaySince ??= performance.now()
      if (performance.now() - awaySince >= PATIENCE_MS) throw error
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
