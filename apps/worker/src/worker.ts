import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@kantor/contracts'
import { heartbeatWorker, registerWorker, removeWorker } from '@kantor/db'
import type { TicketQueue } from '@kantor/queue'
import type { Device } from './device.js'
import { GpuPool } from './gpus.js'
import { runAttempt, type Shutdown, type WorkerDeps } from './run-attempt.js'

const HEARTBEAT_MS = 10_000

export interface WorkerOptions extends Omit<WorkerDeps, 'device'> {
  queue: TicketQueue
  slots: number
  device: Device
}

export interface Worker {
  readonly numRunning: number
  /** Takes no more tickets, lets every attempt checkpoint and hand its job back; resolves when the last one is booked. */
  drain(): Promise<void>
  /** Kills what is still running and hands the jobs back as they are. */
  abandon(): void
}

/** Registers the worker and takes tickets of its device class, at most `slots` at a time. */
export async function startWorker({ queue, slots, device, ...rest }: WorkerOptions): Promise<Worker> {
  const { db, log, workerId } = rest
  const preempt = new AbortController()
  const abandon = new AbortController()
  const shutdown: Shutdown = { preempt: preempt.signal, abandon: abandon.signal }
  const { deviceClass, threads, xla, name, versions } = device
  const gpus = new GpuPool(device.gpus)
  const register = () =>
    registerWorker(db, { id: workerId, host: hostname(), pid: process.pid, deviceClass, device: name, slots, versions })
  await register()

  const gone = new AbortController()
  const heartbeats = beat(rest, gone.signal, register)
  let numRunning = 0
  const onError = (error: unknown) => log.error({ err: error }, 'queue')
  const consumer = await queue.consume(deviceClass, { slots, onError }, async ({ jobId }) => {
    numRunning += 1
    const gpu = gpus.take()
    try {
      await runAttempt({ ...rest, device: { deviceClass, threads, xla, gpu } }, jobId, shutdown)
    } catch (error) {
      // The lease runs out and the reconciler requeues the job: nothing is lost but time.
      log.error({ err: error, jobId }, 'the attempt could not be booked')
    } finally {
      gpus.give(gpu)
      numRunning -= 1
    }
  })
  log.info({ workerId, deviceClass, device: name, slots, versions }, 'taking jobs')

  return {
    get numRunning() {
      return numRunning
    },
    async drain() {
      preempt.abort()
      await consumer.close()
      gone.abort()
      await heartbeats
      await removeWorker(db, workerId).catch((error: unknown) =>
        log.warn({ err: error }, 'the worker could not sign off'),
      )
    },
    abandon: () => abandon.abort(),
  }
}

/** The row of a worker that was silent for a day (a laptop asleep, a long outage) is removed by others: without it no ticket is drawn. */
async function beat(
  { db, log, workerId }: Pick<WorkerDeps, 'db' | 'log' | 'workerId'>,
  gone: AbortSignal,
  register: () => Promise<void>,
): Promise<void> {
  for (;;) {
    await sleep(HEARTBEAT_MS, undefined, { signal: gone }).catch(() => {})
    if (gone.aborted) return
    await heartbeatWorker(db, workerId)
      .catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'not-found') throw error
        log.warn('this worker is no longer registered, registering it again')
        return register()
      })
      .catch((error: unknown) => log.warn({ err: error }, 'heartbeat failed'))
  }
}
