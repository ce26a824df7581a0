import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@kantor/contracts'
import { heartbeatWorker, registerWorker, removeWorker } from '@kantor/db'
import type { Consumer, TicketQueue } from '@kantor/queue'
import type { Device } from './device.js'
import { GpuPool } from './gpus.js'
import { runAttempt, type Shutdown, type WorkerDeps } from './run-attempt.js'
import { Slots } from './slots.js'
import { checkStore } from './store-check.js'
import { workOnTasks } from './tasks/task-loop.js'

const HEARTBEAT_MS = 10_000

export interface WorkerOptions extends Omit<WorkerDeps, 'device'> {
  queue: TicketQueue
  slots: number
  device: Device
}

export interface Worker {
  readonly numRunning: number
  /** Takes no more work, lets every attempt checkpoint and hand its job back; resolves when the last one is booked. */
  drain(): Promise<void>
  /** Kills what is still running and hands the jobs back as they are. */
  abandon(): void
}

/**
 * Registers the worker and takes tickets of its device class, at most `slots` at a time, and besides them one task at a time; none while
 * its row says that it is draining, and none at all when it failed its self-test: then it only says why.
 */
export async function startWorker({ queue, slots: numSlots, device, ...rest }: WorkerOptions): Promise<Worker> {
  const { db, log, workerId } = rest
  const preempt = new AbortController()
  const abandon = new AbortController()
  const shutdown: Shutdown = { preempt: preempt.signal, abandon: abandon.signal }
  const { deviceClass, threads, xla, name, versions, determinism, memoryBytes } = device
  const gpus = new GpuPool(device.gpus)
  const unusable = device.failure ?? (await checkStore(rest.store, workerId)) ?? undefined
  const identity = { id: workerId, host: hostname(), pid: process.pid, deviceClass, device: name, slots: numSlots }
  const register = () => registerWorker(db, { ...identity, memoryBytes, versions, determinism, unusable })
  await register()

  const slots = new Slots(numSlots)
  const onError = (error: unknown) => log.error({ err: error }, 'queue')
  const openConsumer = () =>
    queue.consume(deviceClass, { slots: numSlots, onError }, ({ jobId, ticketNo }) =>
      slots.use(async () => {
        const gpu = gpus.take()
        try {
          const deps = { ...rest, device: { deviceClass, threads, xla, gpu } }
          const outcome = await runAttempt(deps, { jobId, ticketNo }, shutdown)
          // Perhaps because this worker is to drain: better to know at once than to draw another ticket.
          if (outcome === 'unclaimed') pulse.beat()
        } catch (error) {
          // The lease runs out and the reconciler requeues the job: nothing is lost but time.
          log.error({ err: error, jobId }, 'the attempt could not be booked')
        } finally {
          gpus.give(gpu)
        }
      }),
    )

  let consumer: Consumer | undefined
  const leaving = new Set<Promise<void>>()
  function leave(): void {
    if (!consumer) return
    // What it runs goes on; a consumer that is opened meanwhile waits for its slots.
    const closed: Promise<void> = consumer.close().finally(() => leaving.delete(closed))
    leaving.add(closed)
    consumer = undefined
  }
  async function obey(draining: boolean): Promise<void> {
    if (preempt.signal.aborted || unusable !== undefined || draining === (consumer === undefined)) return
    log.info({ workerId, running: slots.numUsed }, draining ? 'draining: takes no new jobs' : 'takes jobs again')
    if (draining) leave()
    else consumer = await openConsumer()
  }

  const pulse = startPulse(async () => {
    await obey(await heartbeat(db, workerId, register, log))
  }, log)

  if (unusable === undefined) {
    consumer = await openConsumer()
    log.info({ workerId, deviceClass, device: name, slots: numSlots, versions, determinism }, 'taking jobs')
  } else log.error({ workerId, unusable }, 'the self-test failed: this worker takes no jobs')

  const tasks = unusable === undefined ? workOnTasks(rest, preempt.signal) : Promise.resolve()

  return {
    get numRunning() {
      return slots.numUsed
    },
    async drain() {
      preempt.abort()
      leave()
      await Promise.all([...leaving, tasks])
      await pulse.stop()
      await removeWorker(db, workerId).catch((error: unknown) =>
        log.warn({ err: error }, 'the worker could not sign off'),
      )
    },
    abandon: () => abandon.abort(),
  }
}

/** The row of a worker that was silent for a day (a laptop asleep, a long outage) is removed by others: without it no ticket is drawn. */
async function heartbeat(
  db: WorkerDeps['db'],
  workerId: string,
  register: () => Promise<void>,
  log: WorkerDeps['log'],
): Promise<boolean> {
  try {
    return (await heartbeatWorker(db, workerId)).draining
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not-found') throw error
    log.warn('this worker is no longer registered, registering it again')
    await register()
    return false
  }
}

interface Pulse {
  /** Now, instead of at the end of the pause. */
  beat(): void
  stop(): Promise<void>
}

/** Runs `work` every 10 s, never twice at once. */
function startPulse(work: () => Promise<void>, log: WorkerDeps['log']): Pulse {
  const gone = new AbortController()
  let pause = new AbortController()
  const beating = (async () => {
    while (!gone.signal.aborted) {
      pause = new AbortController()
      await sleep(HEARTBEAT_MS, undefined, { signal: AbortSignal.any([gone.signal, pause.signal]) }).catch(() => {})
      if (!gone.signal.aborted) await work().catch((error: unknown) => log.warn({ err: error }, 'heartbeat failed'))
    }
  })()
  return {
    beat: () => pause.abort(),
    async stop() {
      gone.abort()
      await beating
    },
  }
}
