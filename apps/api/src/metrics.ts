import { countIncidents, type Database, readFigures } from '@kantor/db'
import type { TicketQueue } from '@kantor/queue'
import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { share } from './share.js'

/** Two scrapers, or an eager one, must not make the database count twice. */
const REMEMBERED_MS = 5_000

export interface Metrics {
  mediaType: string
  /** Prometheus' text; with the last known figures while the database is away. */
  read(): Promise<string>
  /** Counts and times the requests of an app. */
  observe(app: FastifyInstance): void
}

/**
 * What Prometheus reads. Every label comes from a short list of ours: a route's pattern, never a path; a state, never an id. What is
 * counted in the database is the same in each API process.
 */
export function createMetrics({ db, queue }: { db: Database; queue: Pick<TicketQueue, 'depth'> }): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `kantor_${name}`, help, labelNames, registers: [registry] })

  const requests = new Histogram({
    name: 'kantor_http_request_seconds',
    help: 'From the first byte of a request to the last one of its reply',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers: [registry],
  })
  const jobs = gauge('jobs', 'Jobs by state', ['state'])
  const oldest = gauge('oldest_queued_seconds', 'Age of the oldest queued job')
  const slots = gauge('worker_slots', 'Slots of live workers', ['device', 'kind'])
  const tickets = gauge('tickets', 'Tickets in BullMQ', ['device', 'kind'])
  const fenced = gauge('fenced_writes', 'Writes refused because another attempt had the job')
  const steps = gauge('curve_steps', 'Sum over all jobs of the highest step in their curves; its rate is ingestion')
  const connections = gauge('database_connections', 'Connections of this process to Postgres', ['kind'])
  const incidents = new Counter({
    name: 'kantor_incidents_total',
    help: 'Leases that ran out, and trainings that stood still for the object store, since this process was first asked',
    labelNames: ['reason'],
    registers: [registry],
  })
  const up = gauge('database_up', 'The figures above are of now: 1; the database did not answer: 0')

  let since: string | null = null
  const refresh = share(REMEMBERED_MS, async () => {
    const figures = await readFigures(db)
    for (const [state, n] of Object.entries(figures.jobs)) jobs.set({ state }, n)
    oldest.set(figures.oldestQueuedSeconds)
    fenced.set(figures.fencedWrites)
    steps.set(figures.curveSteps)
    for (const device of ['cpu', 'gpu'] as const) {
      const { total, free } = figures.slots[device]
      slots.set({ device, kind: 'free' }, free)
      slots.set({ device, kind: 'busy' }, total - free)
      const { waiting, active } = await queue.depth(device)
      tickets.set({ device, kind: 'waiting' }, waiting)
      tickets.set({ device, kind: 'active' }, active)
    }
    const { counts, until } = await countIncidents(db, since)
    since = until
    for (const [reason, n] of Object.entries(counts)) incidents.inc({ reason }, n)
  })

  return {
    mediaType: registry.contentType,
    async read() {
      const { totalCount, idleCount, waitingCount } = db.pool
      connections.set({ kind: 'busy' }, totalCount - idleCount)
      connections.set({ kind: 'idle' }, idleCount)
      connections.set({ kind: 'waited-for' }, waitingCount)
      const works = await refresh().then(
        () => 1,
        () => 0,
      )
      up.set(works)
      return registry.metrics()
    },
    observe(app) {
      app.addHook('onResponse', async (request, reply) => {
        const labels = {
          method: request.method,
          route: request.is404 ? 'none' : (request.routeOptions.url ?? 'none'),
          status: reply.statusCode,
        }
        requests.observe(labels, reply.elapsedTime / 1000)
      })
    },
  }
}
