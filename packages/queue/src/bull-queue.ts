import { AppError } from '@kantor/contracts'
import { WaitingError } from 'bullmq'
import type { Backend, BullQueue, BullTicket, BullWorker, Process, ReportError, WorkerSettings } from './backend.js'
import { withBackOff, within } from './deadline.js'
import { messageOf, QueueUnusable } from './failure.js'
import {
  type Consumer,
  type ConsumeOptions,
  type DeviceClass,
  type QueueDepth,
  queueName,
  type Ticket,
  type TicketQueue,
} from './ticket-queue.js'

/** Milliseconds. A consumer that was killed is noticed after `lockMs`, looked for every `stalledMs`. */
export interface LockTimes {
  lockMs: number
  stalledMs: number
}

// The consuming process is idle while its child trains, so short locks are safe and a dead host is noticed in two minutes.
export const defaultLockTimes: LockTimes = { lockMs: 120_000, stalledMs: 60_000 }

const callMs = 15_000
const connectMs = 30_000
const closeMs = 5_000

/** Connects (for at most 30 s) and builds the queue. */
export async function openBullQueue(backend: Backend, times: LockTimes, report: ReportError): Promise<TicketQueue> {
  try {
    const queues = await withBackOff(
      connectMs,
      () => within(callMs, connectAndBuild(backend, report), 'connecting'),
      (error) => error instanceof QueueUnusable,
    )
    return new BullTicketQueue(backend, queues, times, report)
  } catch (error) {
    await backend.close().catch(report)
    throw error instanceof QueueUnusable ? error : unavailable(backend, error)
  }
}

type Queues = Record<DeviceClass, BullQueue>

/** BullMQ remembers a first connection that failed, so nothing is built before the server answered, and what is not ready is thrown away. */
async function connectAndBuild(backend: Backend, report: ReportError): Promise<Queues> {
  await backend.connect()
  const queues = { cpu: backend.queue(queueName('cpu')), gpu: backend.queue(queueName('gpu')) }
  for (const queue of Object.values(queues)) queue.on('error', report)
  try {
    await Promise.all(Object.values(queues).map((queue) => queue.waitUntilReady()))
    return queues
  } catch (error) {
    await Promise.allSettled(Object.values(queues).map((queue) => queue.close()))
    throw error
  }
}

class BullTicketQueue implements TicketQueue {
  readonly #backend: Backend
  readonly #queues: Queues
  readonly #times: LockTimes
  readonly #report: ReportError
  readonly #consumers = new Set<Consumer>()
  readonly #calls = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(backend: Backend, queues: Queues, times: LockTimes, report: ReportError) {
    this.#backend = backend
    this.#queues = queues
    this.#times = times
    this.#report = report
  }

  async enqueue(tickets: Ticket[]): Promise<void> {
    for (const deviceClass of ['cpu', 'gpu'] as const) {
      const jobs = tickets.filter((ticket) => ticket.deviceClass === deviceClass).map(toBullJob)
      if (jobs.length > 0) await this.#call('enqueueing', () => this.#queues[deviceClass].addBulk(jobs))
    }
  }

  async depth(deviceClass: DeviceClass): Promise<QueueDepth> {
    const counts = await this.#call('counting', () => this.#queues[deviceClass].getJobCounts('waiting', 'active'))
    return { waiting: counts['waiting'] ?? 0, active: counts['active'] ?? 0 }
  }

  bullQueues(): readonly object[] {
    return Object.values(this.#queues)
  }

  async ping(): Promise<void> {
    await this.#call('a ping', () => this.#queues.cpu.getJobCounts('active'))
  }

  async consume(
    deviceClass: DeviceClass,
    options: ConsumeOptions,
    handle: (ticket: Ticket) => Promise<void>,
  ): Promise<Consumer> {
    const start = async () => {
      await this.ping()
      const consumer = new BullConsumer(this.#backend, deviceClass, options, this.#times, this.#report, handle)
      try {
        await within(callMs, consumer.ready(), 'starting a consumer')
        this.#refuseWhenClosed()
        return consumer
      } catch (error) {
        await consumer.close({ timeoutMs: 0 })
        throw error
      }
    }
    const consumer = await withBackOff(connectMs, start, () => this.#closing !== undefined).catch((error: unknown) => {
      throw unavailable(this.#backend, error)
    })
    const tracked: Consumer = {
      close: async (closeOptions) => {
        await consumer.close(closeOptions)
        this.#consumers.delete(tracked)
      },
    }
    this.#consumers.add(tracked)
    return tracked
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end() {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    // A call that races BullMQ's close never settles: let them finish first.
    await Promise.allSettled(this.#calls)
    await Promise.allSettled(
      Object.values(this.#queues).map((queue) => within(closeMs, queue.close(), 'closing a queue')),
    )
    await this.#backend.close()
  }

  #refuseWhenClosed() {
    if (this.#closing) throw new AppError('shutting-down', 'the ticket queue is closed')
  }

  async #call<T>(what: string, run: () => Promise<T>): Promise<T> {
    this.#refuseWhenClosed()
    const call = within(callMs, run(), what)
    this.#calls.add(call)
    try {
      return await call
    } catch (error) {
      throw unavailable(this.#backend, error)
    } finally {
      this.#calls.delete(call)
    }
  }
}

class BullConsumer implements Consumer {
  readonly #worker: BullWorker
  readonly #running = new Set<Promise<void>>()
  readonly #report: ReportError
  #closing: Promise<void> | undefined

  constructor(
    backend: Backend,
    deviceClass: DeviceClass,
    options: ConsumeOptions,
    times: LockTimes,
    report: ReportError,
    handle: (ticket: Ticket) => Promise<void>,
  ) {
    this.#report = report
    const settings: WorkerSettings = {
      concurrency: options.slots,
      autorun: false,
      lockDuration: times.lockMs,
      lockRenewTime: times.lockMs / 4,
      stalledInterval: times.stalledMs,
      maxStalledCount: 3,
      // After a lost connection; BullMQ's own 15 s would keep a queued job waiting.
      runRetryDelay: 1000,
    }
    const onError = options.onError ?? report
    const run = (ticket: Ticket): Promise<void> => {
      const running: Promise<void> = Promise.resolve()
        .then(() => handle(ticket))
        .catch((error: unknown) => onError(error, ticket))
        .finally(() => this.#running.delete(running))
      this.#running.add(running)
      return running
    }
    const process: Process = async (job, token) => {
      if (this.#closing) {
        // Fetched while the door was closing: it goes back for somebody else.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      const ticket = ticketOf(job.data, deviceClass)
      if (ticket) await run(ticket)
      else report(new Error(`a ticket of ${queueName(deviceClass)} is not one of ours and was dropped: ${job.id}`))
    }
    this.#worker = backend.worker(queueName(deviceClass), process, settings)
    this.#worker.on('error', report)
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady()
    this.#worker.run().catch(this.#report)
  }

  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(this.#worker.close())
    if (options.timeoutMs === undefined) await this.#closing
    else await within(options.timeoutMs, this.#closing, 'waiting for running handles').catch(this.#report)
  }

  /** Waits for the handles as long as they take, but not for a server that does not answer. */
  async #drain(closed: Promise<void>) {
    while (this.#running.size > 0) await Promise.all(this.#running)
    await within(closeMs, closed, 'closing a consumer').catch(this.#report)
  }
}

const toBullJob = (ticket: Ticket): BullTicket => ({
  name: 'ticket',
  data: ticket,
  // Our table owns retries; and BullMQ refuses an id that it still remembers, so it must forget at once.
  opts: { jobId: `${ticket.jobId}-${ticket.ticketNo}`, attempts: 1, removeOnComplete: true, removeOnFail: true },
})

/** What is in Redis may have been written by anybody. */
function ticketOf(data: unknown, deviceClass: DeviceClass): Ticket | null {
  if (typeof data !== 'object' || data === null || !('jobId' in data) || !('ticketNo' in data)) return null
  const { jobId, ticketNo } = data
  if (typeof jobId !== 'string' || typeof ticketNo !== 'number') return null
  return { jobId, ticketNo, deviceClass }
}

function unavailable(backend: Backend, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  return new AppError(
    'dependency-unavailable',
    `the ticket queue (${backend.name}) does not answer: ${messageOf(cause)}`,
    {
      cause,
    },
  )
}
