import { type CurveReply, isTerminal, type Job, type CurveSeriesName } from '@kantor/contracts'
import { ClientError } from './client-error.js'
import type { Client } from './client.js'
import { mergeCurve } from './merge-curve.js'

export interface WatchOptions {
  signal?: AbortSignal
  /** Pause between polls; default 1000. */
  intervalMs?: number
  /** How long the API may be away before the watch gives up; default 30 000. */
  patienceMs?: number
  metrics?: readonly CurveSeriesName[]
  maxPoints?: number
}

export interface JobView {
  job: Job
  /** Every bucket so far, merged. */
  curve: CurveReply
}

/**
 * Polls a job and its curve by cursor, and yields both whenever something changed; ends after the view in which the job is over and its
 * curve complete. Outages shorter than `patienceMs` are waited out. Aborting the signal ends it by a rejection with the signal's reason.
 */
export async function* watchJob(client: Client, id: string, options: WatchOptions = {}): AsyncGenerator<JobView, void> {
  const { signal, intervalMs = 1000, patienceMs = 30_000, metrics, maxPoints } = options
  let curve: CurveReply | null = null
  let shown = ''
  let awaySince: number | undefined
  for (;;) {
    signal?.throwIfAborted()
    try {
      // The job first: a terminal state seen here means that the curve read after it is whole.
      const job: Job = await client.getJob({ params: { id }, ...(signal && { signal }) })
      const cursor: { sinceSeq?: number; resolution?: number } =
        curve === null ? {} : { sinceSeq: curve.seq, resolution: curve.resolution }
      const reply: CurveReply = await client.getCurve({
        params: { id },
        query: { ...cursor, ...(metrics && { metrics }), ...(maxPoints !== undefined && { maxPoints }) },
        ...(signal && { signal }),
      })
      curve = mergeCurve(curve, reply)
      awaySince = undefined
      const over = isTerminal(job.state)
      const fingerprint = JSON.stringify([job.state, job.reason, job.attempt, job.progress, curve.seq, curve.complete])
      if (fingerprint !== shown || over) yield { job, curve }
      shown = fingerprint
      if (over) return
    } catch (error) {
      if (!(error instanceof ClientError) || !error.transient) throw error
      awaySince ??= Date.now()
      if (Date.now() - awaySince >= patienceMs) throw error
      await pause(Math.max(intervalMs, (error.retryAfter ?? 0) * 1000), signal)
      continue
    }
    await pause(intervalMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done, fail) => {
    if (signal?.aborted) return fail(signal.reason as Error)
    const onAbort = () => {
      clearTimeout(timer)
      fail(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      done()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
