// Jobs that start from what is there already: a checkpoint of another job, or uploaded weights.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getJob, getSample, listCheckpoints, listSamples, newestCheckpoint, registerWeights } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { runAttempt, type Shutdown } from './run-attempt.js'
import { flipBit } from './testing/bytes.js'
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

test('a fork starts from the checkpoint of another job and, with the same course, ends with its bits', async () => {
  const spec = { budget: { generatorSteps: 60 }, checkpoint: { everySteps: 20, keep: 100 } }
  const parent = await rig.submit(spec)
  await runAttempt(rig.deps('a'), { jobId: parent.id }, never)
  const middle = (await listCheckpoints(rig.db, parent.id, { limit: 9 })).items.find(({ step }) => step === 20)!
  const startFrom = { jobId: parent.id, checkpoint: middle.id }

  const fork = await rig.submit(spec, startFrom)
  expect(await runAttempt(rig.deps('a'), { jobId: fork.id }, never)).toBe('succeeded')

  const { w_estimate } = await rig.curve(fork.id)
  expect(w_estimate!.x).toEqual(Array.from({ length: 40 }, (_, i) => 21 + i))
  expect(w_estimate!.last).toEqual((await rig.curve(parent.id)).w_estimate!.last.slice(20))
  expect(await rig.weights(fork.id)).toEqual(await rig.weights(parent.id))
  expect((await listSamples(rig.db, fork.id, { limit: 9 })).items.map(({ step }) => step)).toEqual([60, 40, 20])
})

test('a fork whose checkpoint is damaged fails, and does not start from scratch', async () => {
  const parent = await rig.submit({ budget: { generatorSteps: 5 } })
  await runAttempt(rig.deps('a'), { jobId: parent.id }, never)
  const start = (await newestCheckpoint(rig.db, parent.id))!
  await flipBit(join(rig.dataDir, 'objects', 'objects', start.key))

  const fork = await rig.submit({}, { jobId: parent.id, checkpoint: start.id })

  expect(await runAttempt(rig.deps('a'), { jobId: fork.id }, never)).toBe('failed')
  expect(await getJob(rig.db, fork.id)).toMatchObject({
    reason: 'checkpoint_corrupt',
    message: expect.stringContaining('start from another one'),
  })
})

test('uploaded weights are what a job begins with; those of other networks fail it by the name of a tensor', async () => {
  const sampling = { every: 3, count: 4 }
  const parent = await rig.submit({ budget: { generatorSteps: 3 }, sampling })
  await runAttempt(rig.deps('a'), { jobId: parent.id }, never)
  const { key, sizeBytes, sha256 } = (await newestCheckpoint(rig.db, parent.id))!
  const { id: weights } = await registerWeights(rig.db, {
    key,
    sizeBytes,
    sha256,
    networks: ['generator', 'critic'],
    features: null,
  })

  const job = await rig.submit({ budget: { generatorSteps: 2 }, sampling }, { weights })
  expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('succeeded')
  expect((await rig.curve(job.id)).w_estimate!.x).toEqual([1, 2])
  const pngOf = async (jobId: string, step: number) => {
    const samples = (await listSamples(rig.db, jobId, { limit: 9 })).items
    const { id } = samples.find((sample) => sample.step === step)!
    return Buffer.from(await rig.store.getBytes((await getSample(rig.db, id))!.key))
  }
  // The same latents, and the same weights: the first grid is the last one of the job that they are of.
  expect((await pngOf(job.id, 0)).equals(await pngOf(parent.id, 3))).toBe(true)
  expect((await pngOf(job.id, 0)).equals(await pngOf(parent.id, 0))).toBe(false)

  const model = {
    generator: 'mlp',
    critic: 'mlp',
    imageSize: 16,
    latentSize: 9,
    generatorFilters: 8,
    criticFilters: 8,
  }
  const misfit = await rig.submit({ model }, { weights })
  expect(await runAttempt(rig.deps('a'), { jobId: misfit.id }, never)).toBe('failed')
  expect(await getJob(rig.db, misfit.id)).toMatchObject({
    reason: 'incompatible_checkpoint',
    message: expect.stringMatching(/netG\.main\.0\.weight is F32 \[8, 8\], expected F32 \[8, 9\]/),
  })
})
