import type { Database } from '@kantor/db'
import type { TicketQueue } from '@kantor/queue'
import type { Logger, Tracing } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import type { RouteOptions } from 'fastify'
import type { Metrics } from './metrics.js'

/** What the HTTP side needs; opened and closed by its caller. */
export interface ApiDeps {
  db: Database
  /** Only asked whether it answers: no request puts anything into the queue. */
  queue: Pick<TicketQueue, 'ping'>
  store: Pick<ObjectStore, 'get' | 'getBytes' | 'put' | 'list' | 'remove' | 'ping'>
  log: Logger
  /** Tells the dispatcher that something changed. */
  wake: () => void
  /** While no key is in force, requests from this machine count as admin. False wherever others can reach the port. */
  allowKeyless: boolean
  /** Where files that are sent to us lie while they are read; on a disk with room for them. */
  spoolDirectory: string
  /** Of an archive that is imported, at most. */
  importMebibytes: number
  /** The built dashboard; its absence is told on /ui/. */
  dashboardDirectory: string
  /** Names beside localhost under which the service may be asked, in lower case; none: any name, where others can reach the port. */
  hosts?: string[]
  /** Addresses and ranges of proxies whose X-Forwarded-* headers are believed. */
  trustedProxies?: string[]
  /** Of one key, or of one address without a key; 0 is no limit. */
  requestsPerSecond?: number
  /** Bytes that a device is taken to have while no worker of its class has told; default 80 GiB. */
  memoryCeiling?: number
  /** Webhooks may lead to this host and into private networks. */
  allowPrivateWebhooks?: boolean
  /** Folders below which lies what may be imported; none: nothing. */
  importRoots?: readonly string[]
  /** The same in buckets: `s3://bucket/prefix`. */
  importPlaces?: readonly string[]
  /** For a body to arrive, or for any part of a file. */
  bodyTimeoutMs?: number
  /** True from the moment the process wants to end: /readyz says so, new requests are refused. */
  isShuttingDown?: () => boolean
  /** Counts and times the requests. */
  metrics?: Pick<Metrics, 'observe'>
  /** Requests are traced with it. */
  tracing?: Tracing | undefined
  /** Sees every route that is registered. */
  onRoute?: (route: RouteOptions) => void
}
