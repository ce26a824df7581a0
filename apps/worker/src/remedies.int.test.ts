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
    ...['alert', 'stopped'].map((act) => ({
      step,
      type: 'remedy',
      message: `${act}: the critic is exploding: ${health!.reason}`,
    })),
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

const rolledBackOf = async (jobId: string) =>
  (await listEvents(rig.db, jobId)).filter(({ reason }) => reason === 'rolled_back').map(({ message }) => message)

const small = { sampling: { every: 1000, count: 4 }, checkpoint: { everySteps: 1000, keep: 3 } }
const whenever = ['collapsed', 'exploding', 'non-finite'].map((when) => ({ when, do: 'roll-back', rateFactor: 0.01 }))

test('roll-back from numbers that are lost: without a checkpoint the job begins again, slower, and ends well', async () => {
  // The sixth power of a slope that one such update makes steep.
  const job = await rig.submit({
    ...small,
    objective: { kind: 'wgan-div' },
    optimizer: { kind: 'adam', criticLearningRate: 1, generatorLearningRate: 1e-4 },
    budget: { generatorSteps: 60 },
    remedies: whenever,
  })
  const attempt = () => runAttempt(rig.deps('a'), { jobId: job.id }, never)

  expect(await attempt()).toBe('queued')
  const { reason, health } = (await getJob(rig.db, job.id))!
  expect({ reason, health }).toMatchObject({ reason: 'rolled_back', health: { state: 'non-finite' } })
  expect(await rolledBackOf(job.id)).toEqual([
    expect.stringMatching(/1 of 3 times, learning rates × 0\.01 .*is not finite; goes on from step 0$/),
  ])

  expect(await attempt()).toBe('succeeded')
  const { w_estimate: curve } = await rig.curve(job.id)
  expect(curve!.x).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(curve!.bad.every((count) => count === 0)).toBe(true)
}, 300_000)

test('roll-back from a collapse: to the checkpoint of before all samples that were looked at; once, and then on', async () => {
  const job = await rig.submit({
    objective: { kind: 'wgan-gp' },
    // Never leaves the grey that it starts with.
    optimizer: { kind: 'adam', criticLearningRate: 1e-4, generatorLearningRate: 1e-9 },
    budget: { generatorSteps: 1050 },
    sampling: { every: 100, count: 8 },
    checkpoint: { everySteps: 100, keep: 20 },
    remedies: [{ when: 'collapsed', do: 'roll-back', times: 1 }],
  })
  const attempt = () => runAttempt(rig.deps('a'), { jobId: job.id }, never)

  expect(await attempt()).toBe('queued')
  // Three samples, and two looks: 1020 − 320.
  expect(await rolledBackOf(job.id)).toEqual([expect.stringMatching(/^at step 1020 .*; goes on from step 700$/)])
  const checkpoints = (await listCheckpoints(rig.db, job.id, { limit: 20 })).items
  expect(checkpoints.filter(({ quarantined }) => quarantined).map(({ step }) => step)).toEqual([1000, 900, 800])

  expect(await attempt()).toBe('succeeded')
  expect(await rolledBackOf(job.id)).toHaveLength(1)
  expect((await getJob(rig.db, job.id))!.health).toMatchObject({ state: 'collapsed' })
}, 300_000)

test('a job that fares well is never taken back', async () => {
  const job = await rig.submit({
    ...small,
    optimizer: { kind: 'adam', criticLearningRate: 1e-3 },
    budget: { generatorSteps: 300 },
    remedies: whenever,
  })

  expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('succeeded')

  expect(await rolledBackOf(job.id)).toEqual([])
  expect(await getJob(rig.db, job.id)).toMatchObject({ attempt: 1, health: { state: 'tracking' } })
  const { marks } = await readCurve(rig.db, job.id, CurveQuery.parse({}))
  expect(marks.map(({ type }) => type)).not.toContain('remedy')
}, 300_000)
