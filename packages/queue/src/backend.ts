import type { Job } from 'bullmq'
import type { Ticket } from './ticket-queue.js'

/** What the two BullMQ backends differ in. Everything else is `bull-queue.ts`. */
export interface Backend {
  /** For messages: "Redis" or "Postgres". */
  readonly name: string
  /** Resolves when the server answers and BullMQ's own tables are in place. */
  connect(): Promise<void>
  /** Only after `connect`: BullMQ remembers a failed first connection for ever. */
  queue(name: string): BullQueue
  worker(name: string, process: Process, settings: WorkerSettings): BullWorker
  close(): Promise<void>
}

export type Process = (job: Pick<Job<Ticket>, 'id' | 'data' | 'moveToWait'>, token?: string) => Promise<void>

/** What we use of BullMQ's Queue; its full type names the backend it runs on. */
export interface BullQueue {
  addBulk(jobs: BullTicket[]): Promise<unknown>
  getJobCounts(...states: ('waiting' | 'active')[]): Promise<Record<string, number>>
  waitUntilReady(): Promise<unknown>
  on(event: 'error', listener: ReportError): unknown
  close(): Promise<void>
}

/** What we use of BullMQ's Worker. */
export interface BullWorker {
  run(): Promise<void>
  waitUntilReady(): Promise<unknown>
  on(event: 'error', listener: ReportError): unknown
  close(): Promise<void>
}

export interface BullTicket {
  name: string
  data: Ticket
  opts: { jobId: string; attempts: number; removeOnComplete: boolean; removeOnFail: boolean }
}

export interface WorkerSettings {
  concurrency: number
  autorun: false
  lockDuration: number
  lockRenewTime: number
  stalledInterval: number
  maxStalledCount: number
  runRetryDelay: number
}

export type ReportError = (error: unknown) => void
