/**
 * The ticket queue's port. A ticket says "look at this job's row"; it is never the truth about the job.
 *
 * What every backend promises, and `conformance.ts` checks:
 *
 * - **Delivery.** A ticket that was enqueued is handed to one consumer of its device class, usually within milliseconds,
 *   whether the consumer existed before the ticket or came later.
 * - **At least once, or not at all.** A ticket may be delivered twice (its consumer died or lost its lock) and may be lost
 *   (the server lost its data, its consumer died repeatedly). Both must be harmless: the handler claims the row
 *   in Postgres and finds nothing to claim the second time; the dispatcher writes a new ticket, with the next number, for a row that
 *   waits too long.
 * - **Slots.** One consumer runs at most `slots` handles at once. Tickets beyond that wait in the queue for anybody.
 * - **Duplicates.** Enqueueing a ticket that is waiting or running changes nothing. Once handled, the same ticket can be
 *   enqueued again.
 * - **Long handles.** A handle may run for days. The process must keep its event loop free, or the queue takes it for dead
 *   after about two minutes and delivers the ticket again.
 * - **Failing handles.** A rejection is reported to `onError` and ends that ticket; it is not retried. Other tickets go on.
 * - **Closing.** `Consumer.close` takes no further ticket from the moment it is called and resolves when the running
 *   handles have settled, or when `timeoutMs` has passed. A ticket that was being fetched goes back.
 * - **Outages.** Calls reject with AppError `dependency-unavailable` within 15 s while the server does not answer; consumers wait
 *   and go on by themselves when it is back. After `close`, calls reject with `shutting-down`.
 *
 * It does not promise order, priority, retries or delays: the dispatcher and the database own these.
 */
export interface TicketQueue {
  enqueue(tickets: Ticket[]): Promise<void>
  /** Resolves when the consumer is connected. `slots` is 1 or more. */
  consume(
    deviceClass: DeviceClass,
    options: ConsumeOptions,
    handle: (ticket: Ticket) => Promise<void>,
  ): Promise<Consumer>
  /** Tickets that wait and tickets whose handles run, in all processes. */
  depth(deviceClass: DeviceClass): Promise<QueueDepth>
  /** BullMQ's own queues, for tools that show them. */
  bullQueues(): readonly object[]
  /** A real query through the connection that the calls above use. */
  ping(): Promise<void>
  /** Closes the consumers (waiting for their handles), then the connections. */
  close(): Promise<void>
}

export type DeviceClass = 'cpu' | 'gpu'

export interface Ticket {
  jobId: string
  /** Rises with every ticket of one job; with `jobId` it is the ticket's identity. */
  ticketNo: number
  deviceClass: DeviceClass
}

export interface ConsumeOptions {
  slots: number
  /** Told of rejected handles. Default: the queue's own `onError`. */
  onError?: (error: unknown, ticket: Ticket) => void
}

export interface QueueDepth {
  waiting: number
  active: number
}

export interface Consumer {
  close(options?: { timeoutMs?: number }): Promise<void>
}

/** The name of BullMQ's queue for a device class; queue tools show it. */
export const queueName = (deviceClass: DeviceClass) => `train-${deviceClass}`
