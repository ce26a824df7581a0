import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openTracing } from '@kantor/runtime'
import { type Collector, type Services, startCollector, startServices } from '@kantor/testing'
import { runAttempt } from './run-attempt.js'
import { openRig, type Rig } from './testing/rig.js'

let services: Services
let collector: Collector
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  collector = await startCollector()
  rig = await openRig(services.databaseUrl, services.directory)
})
afterAll(async () => {
  await rig?.close()
  await services?.stop()
  await collector?.stop()
})

test('an attempt is a span under the request that submitted its job, and its trace is in the log', async () => {
  const tracing = (await openTracing({ tracesTo: collector.endpoint }, 'kantor-worker'))!
  const job = await rig.submit({ budget: { generatorSteps: 4 }, sampling: { every: 4, count: 4 } })
  const traceId = 'c0ffee00c0ffee00c0ffee00c0ffee00'
  await rig.db.pool.query('UPDATE job SET traceparent = $2 WHERE id = $1', [
    job.id,
    `00-${traceId}-1234567890abcdef-01`,
  ])
  const forever = { preempt: new AbortController().signal, abandon: new AbortController().signal }

  expect(await runAttempt({ ...rig.deps('a'), tracing }, { jobId: job.id }, forever)).toBe('succeeded')
  await tracing.close()

  expect(collector.spans).toMatchObject([
    { service: 'kantor-worker', name: 'attempt', traceId, parentSpanId: '1234567890abcdef', failed: false },
  ])
  expect(collector.spans[0]!.attributes).toMatchObject({
    'kantor.job_id': job.id,
    'kantor.attempt': 1,
    'kantor.outcome': 'succeeded',
    'kantor.step': 4,
  })
  expect(rig.lines.filter((line) => line['traceId'] === traceId).length).toBeGreaterThan(1)
})
