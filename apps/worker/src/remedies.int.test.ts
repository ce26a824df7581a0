import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CurveQuery } from '@kantor/contracts'
import { getJob, listEvents, listJobs, readCurve } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { runAttempt, type Shutdown } from './run-attempt.js'
import { openRig, type Rig } from './testing/rig.js'

const never: Shutdown = { preempt: new AbortController().signal, abandon: new AbortController().signal }

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig(services.databaseUrl, services.directory)
})
afterAll(async () => {
  await rig?.close()
  await services?.stop()
})

test('a remedy stops a job whose critic fares badly: health, events and marks say why', async () => {
  const job = await rig.submit({
    budget: { generatorSteps: 100_000 },
    sampling: { every: 1000, count: 4 },
    optimizer: { kind: 'adam', criticLearningRate: 0.1 },
    remedies: [
      { when: 'exploding', do: 'alert' },
      { when: 'exploding', do: 'stop' },
    ],
  })

  expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('stopped')

  const { reason, health, message } = (await getJob(rig.db, job.id))!
  expect({ reason, health }).toMatchObject({ reason: 'critic_diverged', health: { state: 'exploding' } })
  const step = health!.sinceStep
  expect(message).toContain(`the checkpoint of step ${step}`)
  const events = await listEvents(rig.db, job.id)
  expect(events.map((event) => [event.reason, event.to])).toEqual([
    ['submitted', 'queued'],
    ['claimed', 'starting'],
    ['first_step', 'running'],
    ['critic_health', 'running'],
    ['remedy', 'running'],
    ['remedy', 'running'],
    ['critic_diverged', 'stopping'],
    ['critic_diverged', 'stopped'],
  ])
  expect(events[3]!.message).toBe(`step ${step}: exploding: ${health!.reason}`)
  const { marks } = await readCurve(rig.db, job.id, CurveQuery.parse({}))
  expect(marks.filter(({ type }) => type === 'health' || type === 'remedy')).toEqual([
    { step, type: 'health', message: `exploding: ${health!.reason}` },
    { step, type: 'remedy', message: expect.stringContaining(health!.reason) },
  ])
  const badly = await listJobs(rig.db, { limit: 10, health: ['exploding', 'collapsed'] })
  expect(badly.items.map(({ id }) => id)).toEqual([job.id])
  expect((await listJobs(rig.db, { limit: 10, health: ['lagging'] })).items).toEqual([])
})
