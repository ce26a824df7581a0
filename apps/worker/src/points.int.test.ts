import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { PointLaw } from '@kantor/contracts'
import { pointDataset } from '@kantor/datasets'
import { getSamplePoints, listSamples, registerDataset } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import sharp from 'sharp'
import { runAttempt, type Shutdown } from './run-attempt.js'
import { openRig, type Rig, stateOf } from './testing/rig.js'

const never: Shutdown = { preempt: new AbortController().signal, abandon: new AbortController().signal }

describe('a job on synthetic points', () => {
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

  test('gives a picture of them and their coordinates with every sample', async () => {
    const { id, version } = await registerDataset(rig.db, pointDataset('ring', PointLaw.parse({ kind: 'ring-8' })))
    const job = await rig.submit({
      dataset: `${id}@${version}`,
      model: { generator: 'mlp', critic: 'mlp', imageSize: 1, latentSize: 2, generatorFilters: 8, criticFilters: 8 },
    })

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('succeeded')
    const samples = (await listSamples(rig.db, job.id, { limit: 50 })).items
    expect(samples.map(({ step, points }) => [step, points])).toEqual(
      [40, 20, 0].map((step) => [step, { count: 4, dimensions: 2 }]),
    )
    const { points } = (await getSamplePoints(rig.db, samples[0]!.id))!
    expect(points).toHaveLength(4)
    expect(points.flat().every((value) => Number.isFinite(value))).toBe(true)
    const stored = await rig.db.prisma.sample.findFirstOrThrow({ where: { id: samples[0]!.id } })
    const png = await sharp(await rig.store.getBytes(stored.key)).metadata()
    expect(png).toMatchObject({ format: 'png', width: samples[0]!.tileSize, height: samples[0]!.tileSize })
  })

  test('ends when its law draws other points than those that were registered', async () => {
    const points = { ...pointDataset('old-ring', PointLaw.parse({ kind: 'ring-8' })), contentHash: 'ab'.repeat(32) }
    const { id, version } = await registerDataset(rig.db, points)
    const job = await rig.submit({
      dataset: `${id}@${version}`,
      model: { generator: 'mlp', critic: 'mlp', imageSize: 1 },
    })

    expect(await runAttempt(rig.deps('a'), { jobId: job.id }, never)).toBe('failed')
    expect(await stateOf(rig.db, job.id)).toMatchObject({ state: 'failed', reason: 'dataset_changed' })
  })
})
