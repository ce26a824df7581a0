export { type LockTimes } from './bull-queue.js'
export { QueueUnusable } from './failure.js'
export { openQueue, type QueueOptions } from './open-queue.js'
export {
  type Consumer,
  type ConsumeOptions,
  type DeviceClass,
  type QueueDepth,
  queueName,
  type Ticket,
  type TicketQueue,
} from './ticket-queue.js'
