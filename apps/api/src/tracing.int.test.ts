import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { claimJob, registerWorker } from '@kantor/db'
import { openQueue, type TicketQueue } from '@kantor/queue'
import { createLogger, openTracing, type Tracing } from '@kantor/runtime'
import { type Collector, type Services, startCollector, startServices } from '@kantor/testing'
import { aBody, openRig, type Rig, submit } from '../tests/rig.js'
import { startDispatcher } from './dispatcher.js'

let services: Services
let collector: Collector
let tracing: Tracing
let rig: Rig
let queue: TicketQueue
const logged: string[] = []
const log = createLogger({ logLevel: 'debug' }, 'test', { write: (line: string) => void logged.push(line) })
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  collector = await startCollector()
  tracing = (await openTracing({ tracesTo: collector.endpoint }, 'kantor-api'))!
  const { databaseUrl, directory } = services
  rig = await openRig({ databaseUrl, directory, deps: { tracing, log } })
  queue = await openQueue({ databaseUrl })
})
afterAll(async () => {
  await queue.close()
  await rig.close()
  await services.stop()
  await collector.stop()
})

const traceId = 'c0ffee00c0ffee00c0ffee00c0ffee00'
const theirs = `00-${traceId}-1234567890abcdef-01`

const named = (name: string) => collector.spans.filter((span) => span.name === name)

test('a job carries the trace of the request that submitted it to the dispatcher and to whoever claims it', async () => {
  const headers = { traceparent: theirs, 'x-request-id': 'req-7' }
  const made = await rig.ask({ method: 'POST', url: '/jobs', headers, payload: aBody() })
  const { id } = made.json() as { id: string }
  const batch = await rig.ask({ method: 'POST', url: '/jobs/batch', headers, payload: { jobs: [aBody(), aBody()] } })
  expect(batch.statusCode).toBe(201)
  const failed = await rig.ask({ url: '/jobs?limit=x', headers })
  expect(failed.json()).toMatchObject({ requestId: 'req-7' })
  await rig.ask({ url: '/healthz', headers })
  await rig.ask({ url: '/jobs', headers: { traceparent: `00-${'0'.repeat(32)}-x; DROP TABLE job` } })
  await registerWorker(rig.db, {
    id: 'w',
    host: 'h',
    pid: 1,
    deviceClass: 'cpu',
    device: 'cpu',
    slots: 8,
    versions: {},
  })
  const tickets: object[] = []
  await queue.consume('cpu', { slots: 1 }, async (ticket) => void tickets.push(ticket))
  const dispatcher = startDispatcher({ db: rig.db, queue, store: rig.store, log, tracing, leadEveryMs: 50 })
  while (tickets.length < 3) await new Promise((resolve) => setTimeout(resolve, 50))
  await dispatcher.close()
  const claim = await claimJob(rig.db, { jobId: id, workerId: 'w', leaseSeconds: 60 })
  await tracing.close()

  const [submitted] = named('POST /jobs')
  expect(submitted).toMatchObject({ service: 'kantor-api', traceId, parentSpanId: '1234567890abcdef', failed: false })
  expect(submitted!.attributes).toMatchObject({
    'http.route': '/jobs',
    'http.response.status_code': 201,
    'kantor.request_id': 'req-7',
    'kantor.actor': 'admin key',
  })
  expect(claim!.traceparent).toBe(`00-${traceId}-${submitted!.spanId}-01`)
  const dispatched = named('dispatch cpu').find(({ attributes }) => attributes['kantor.job_id'] === id)
  expect(dispatched).toMatchObject({ traceId, parentSpanId: submitted!.spanId })
  expect(named('dispatch cpu').filter((span) => span.traceId === traceId)).toHaveLength(3)
  expect(tickets[0]).not.toHaveProperty('traceparent')
  expect(named('GET /healthz')).toEqual([])
  const [refused, own] = named('GET /jobs')
  expect([refused!.traceId, refused!.failed, refused!.attributes['http.response.status_code']]).toEqual([
    traceId,
    false,
    422,
  ])
  expect([own!.traceId === traceId, own!.parentSpanId]).toEqual([false, ''])
  expect(logged.some((line) => line.includes(`"traceId":"${traceId}"`) && line.includes('"requestId":"req-7"'))).toBe(
    true,
  )
})

test('without a collector nothing is traced and nothing is written', async () => {
  expect(await openTracing({}, 'kantor-api')).toBeUndefined()
  const untraced = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  const job = await submit(untraced)
  await untraced.close()

  const claim = await claimJob(rig.db, { jobId: job.id, workerId: 'w', leaseSeconds: 60 })
  expect(claim!.traceparent).toBeNull()
})
