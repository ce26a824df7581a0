import { Queue, Worker } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import type { Backend, ReportError } from './backend.js'
import { QueueUnusable } from './failure.js'

/** One Redis may serve several programs. */
const prefix = 'kantor'

const retryStrategy = (attempt: number) => Math.min(attempt * 100, 2000)

/**
 * BullMQ on Redis. Two connections: one for calls, which fails fast so that a caller never hangs on a dead server, and one for
 * workers, which waits for ever and is duplicated by each worker for its blocking read. ioredis instances, not options: the two
 * packages' option types do not fit.
 */
export function redisBackend(url: string, report: ReportError, warn: (message: string) => void): Backend {
  const calls = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 5000,
    commandTimeout: 10_000,
    retryStrategy,
  })
  const work = endsWhenCut(
    new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, connectTimeout: 5000, retryStrategy }),
  )
  for (const connection of [calls, work]) connection.on('error', report)

  return {
    name: 'Redis',
    async connect() {
      for (const connection of [calls, work]) {
        // `connect` rejects when a reconnect of its own is under way.
        if (connection.status === 'wait' || connection.status === 'end') await connection.connect()
        else if (connection.status !== 'ready') throw new Error(`Redis connection is ${connection.status}`)
      }
      await refuseEviction(calls)
      await warnOfNoLog(calls, warn)
    },
    queue: (name) => new Queue(name, { connection: calls, prefix }),
    worker: (name, processor, settings) => new Worker(name, processor, { connection: work, prefix, ...settings }),
    async close() {
      calls.disconnect()
      work.disconnect()
    },
  }
}

/**
 * Under another policy a full Redis throws away what BullMQ believes to be there. A job loses nothing by it, but waits for a ticket without
 * end; and nobody would be told.
 */
async function refuseEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1]
  if (policy === undefined || policy === 'noeviction') return
  throw new QueueUnusable(
    `REDIS_URL: this Redis evicts keys when it is full (maxmemory-policy ${policy}), tickets among them; run ` +
      '`redis-cli config set maxmemory-policy noeviction` and put the setting into its configuration, or take another Redis',
  )
}

/** Tickets are hints, so that a Redis which forgets them costs time and nothing else; but that time is worth a word. */
async function warnOfNoLog(redis: Redis, warn: (message: string) => void): Promise<void> {
  if (!/^aof_enabled:0/m.test(await redis.info('persistence'))) return
  warn(
    'REDIS_URL: this Redis keeps no append-only file: a crash loses its tickets, and jobs wait until they are written again; run ' +
      '`redis-cli config set appendonly yes` and put the setting into its configuration',
  )
}

/**
 * ioredis, cut while it waits to reconnect, forgets the commands that wait for it and never says that it ended; BullMQ waits for
 * both and could not be closed while the server is away. So the pending attempt is let go on as the last one. Holds for the duplicate
 * that each worker makes for its blocking read, too.
 */
function endsWhenCut(connection: Redis): Redis {
  const disconnect = connection.disconnect.bind(connection)
  const duplicate = connection.duplicate.bind(connection)
  return Object.assign(connection, {
    disconnect(reconnect = false) {
      if (connection.status !== 'reconnecting' || reconnect) return disconnect(reconnect)
      connection.options.retryStrategy = () => null
      connection.once('ready', () => disconnect())
    },
    duplicate: (override?: Partial<RedisOptions>) => endsWhenCut(duplicate(override)),
  })
}
