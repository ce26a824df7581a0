import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CurveQuery } from '@kantor/contracts'
import { getJob, listCheckpoints, listEvents, listJobs, newestCheckpoint, readCurve } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { runAttempt, type Shutdown } from './run-attempt.js'
import { openRig, type Rig, until } from './testing/rig.js'

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

test('a remedy takes a job back: slower from an earlier checkpoint, the curve with it; killed after it, it ends with the same bits', async () => {
  const exploding = {
    budget: { generatorSteps: 300 },
    sampling: { every: 1000, count: 4 },
    checkpoint: { everySteps: 40, keep: 8 },
    optimizer: { kind: 'adam', criticLearningRate: 0.02 },
    remedies: [{ when: 'exploding', do: 'roll-back', rateFactor: 0.01 }],
  }
  const [whole, killed] = [await rig.submit(exploding), await rig.submit(exploding)]
  const attempt = (jobId: string) => runAttempt(rig.deps('a'), { jobId }, never)
  for (const { id } of [whole, killed]) expect(await attempt(id)).toBe('queued')

  const { reason, message, health } = (await getJob(rig.db, whole.id))!
  const upTo = health!.sinceStep - 121
  const good = Math.floor(upTo / 40) * 40
  expect({ reason, message }).toEqual({
    reason: 'rolled_back',
    message: expect.stringMatching(RegExp(`^at step ${health!.sinceStep} rolled back.*goes on from step ${good}$`)),
  })
  const checkpoints = (await listCheckpoints(rig.db, whole.id, { limit: 20 })).items
  expect(checkpoints.length).toBeGreaterThan(good / 40)
  for (const { step, quarantined } of checkpoints) expect(quarantined).toBe(step > upTo)

  const second = attempt(killed.id)
  const trainer = await until(() =>
    rig.lines.find((line) => line.msg === 'training' && line.jobId === killed.id && line.attempt === 2),
  )
  await until(async () => (await newestCheckpoint(rig.db, killed.id))!.step > good)
  process.kill(trainer.pid!, 'SIGKILL')
  expect(await second).toBe('queued')
  for (const { id } of [whole, killed]) expect(await attempt(id)).toBe('succeeded')

  expect(await rig.weights(killed.id)).toEqual(await rig.weights(whole.id))
  const curve = await rig.curve(whole.id)
  expect(curve.w_estimate!.x).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  expect(await rig.curve(killed.id)).toEqual(curve)
  expect(await getJob(rig.db, killed.id)).toMatchObject({ reproducible: true, attempt: 3 })
  const { marks } = await readCurve(rig.db, whole.id, CurveQuery.parse({}))
  expect(marks).toContainEqual({ step: good, type: 'remedy', message: expect.stringContaining('1 of 3 times') })
  expect(marks.map(({ type }) => type)).toContain('rollback')
}, 300_000)
