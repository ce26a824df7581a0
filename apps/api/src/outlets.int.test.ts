import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type CurvePoint, eventFileName, type Job, seriesCatalogue, lossNames } from '@kantor/contracts'
import { addSample, appendPoints, type Fence, finishAttempt, getJob, markRunning } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { readEventFile, readHparams } from '../tests/read-event-file.js'
import type { Answer } from '../tests/http.js'
import { claim, openRig, type Rig, sha256, submit, unknownId } from '../tests/rig.js'

const STEPS = 2500
const BAD_STEPS = { 7: Number.NaN, 8: Infinity, 1200: -Infinity } as Record<number, number>
const SAMPLE_STEPS = [0, 1000, STEPS]

let services: Services
let rig: Rig
let job: Job
let damagedId: string
const pngs = new Map<number, Buffer>()
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  const fence = await claim(rig.db, await submit(rig, { name: 'Größe = 4' }))
  await markRunning(rig.db, fence)
  await storeSample(fence, 0)
  await appendPoints(
    rig.db,
    fence,
    Array.from({ length: STEPS }, (_, index) => aPoint(index + 1)),
  )
  for (const step of SAMPLE_STEPS.slice(1)) await storeSample(fence, step)
  await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
  job = (await getJob(rig.db, fence.jobId))!
  damagedId = await aDamagedJob()
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

/** Every series with values of its own, most of which no decimal number is. */
const valueAt = (step: number, series: number) => BAD_STEPS[step] ?? Math.fround(Math.sin(step) / (series + 1))
const aPoint = (step: number): CurvePoint => ({
  step,
  criticStep: step * 5,
  values: Float32Array.from(lossNames, (_, series) => valueAt(step, series)),
})

/** The head of a PNG of 40 × 24, and something. */
async function storeSample(fence: Fence, step: number): Promise<void> {
  const head = '89504e470d0a1a0a0000000d4948445200000028000000180800000000'
  const png = Buffer.concat([Buffer.from(head, 'hex'), Buffer.from(`sample of step ${step}`)])
  pngs.set(step, png)
  const key = `tests/sample-${step}`
  await rig.store.put(key, png, { contentType: 'image/png', sha256: sha256(png) })
  const geometry = { numImages: 6, columns: 3, tileSize: 10, padding: 2, channels: 1 }
  await addSample(rig.db, fence, {
    id: randomUUID(),
    step,
    key,
    ...geometry,
    sizeBytes: png.length,
    sha256: sha256(png),
  })
}

const download = (id = job.id) => rig.ask({ url: `/jobs/${id}/tensorboard` })

/** The object of its last sample is not what its row says. */
async function aDamagedJob(): Promise<string> {
  const fence = await claim(rig.db, await submit(rig))
  await markRunning(rig.db, fence)
  await storeSample(fence, 3)
  await appendPoints(
    rig.db,
    fence,
    Array.from({ length: STEPS }, (_, index) => aPoint(index + 1)),
  )
  await storeSample(fence, 2400)
  await writeFile(join(services.directory, 'objects/objects/tests/sample-2400'), Buffer.alloc(49))
  return fence.jobId
}

describe('GET /jobs/:id/tensorboard', () => {
  let whole: Answer
  let file: Buffer
  beforeAll(async () => {
    whole = await download()
    file = whole.bytes
  })
  const valuesOf = (tag: string) =>
    readEventFile(file).flatMap(({ step, wall_time: time, summary }) =>
      (summary?.value ?? []).filter((value) => value.tag === tag).map((value) => ({ step, time, value })),
    )

  test('is an event file, the same bytes each time', async () => {
    const events = readEventFile(file)

    expect(whole.statusCode).toBe(200)
    expect(whole.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${eventFileName(job)}"`,
    })
    expect(events[0]).toMatchObject({ file_version: 'brain.Event:2' })
    // In the order of steps and of time.
    const steps = events.slice(1, -1).map(({ step }) => step)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
    const times = valuesOf('w_estimate').map(({ time }) => time)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(Date.parse(job.startedAt!) / 1000)
    expect(times.at(-1)).toBeLessThanOrEqual(Date.parse(job.finishedAt!) / 1000)
    expect((await download()).bytes.equals(file)).toBe(true)
  })

  test('holds every point of every series, non-finite ones too', () => {
    for (const [series, name] of lossNames.entries()) {
      const found = valuesOf(name)
      expect(found.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, index) => index + 1))
      // Bit by bit: Object.is tells -0 from 0, and NaN is NaN.
      expect(found.filter(({ step, value }) => !Object.is(value.simple_value, valueAt(step, series)))).toEqual([])
      expect(found[0]!.value.metadata).toMatchObject({
        plugin_data: { plugin_name: 'scalars' },
        summary_description: seriesCatalogue[name],
      })
    }
  })

  test('holds the samples as they are in the store', () => {
    const found = valuesOf('samples')
    expect(found.map(({ step }) => step)).toEqual(SAMPLE_STEPS)
    for (const { step, value } of found) {
      expect(value.image).toMatchObject({ width: 40, height: 24, colorspace: 1 })
      expect(value.image!.encoded_image_string.equals(pngs.get(step)!)).toBe(true)
    }
  })

  test('holds the spec’s leaves as hyperparameters, and how the job ended', () => {
    const [start, end] = ['start', 'end'].map((name) => valuesOf(`_hparams_/session_${name}_info`)[0]!.value)

    expect(readHparams(start!)).toMatchObject({
      session_start_info: {
        group_name: job.id,
        start_time_secs: Date.parse(job.startedAt!) / 1000,
        hparams: {
          dataset: { string_value: job.spec.dataset },
          batchSize: { number_value: 64 },
          'objective.kind': { string_value: 'wgan-clip' },
          'objective.clip': { number_value: 0.01 },
          'objective.clipBatchNorm': { bool_value: true },
          'optimizer.criticLearningRate': { number_value: 5e-5 },
          'schedule.warmup.criticSteps': { number_value: 100 },
        },
      },
    })
    expect(readHparams(end!)).toEqual({
      session_end_info: { status: 1, end_time_secs: Date.parse(job.finishedAt!) / 1000 },
    })
  })

  test('of a job without a point has its spec alone; an unknown job is a 404', async () => {
    const fresh = await submit(rig)
    const events = readEventFile((await download(fresh.id)).bytes)
    expect(events.map(({ summary }) => summary?.value[0]?.tag)).toEqual([undefined, '_hparams_/session_start_info'])
    expect((await download(unknownId)).statusCode).toBe(404)
  })

  test('a damaged sample ends in a broken connection, not in a file', async () => {
    const ended = await download(damagedId).then(
      ({ statusCode }) => statusCode,
      () => 'broken',
    )
    expect(ended).toBe('broken')
  })

  // With KANTOR_TENSORBOARD_PYTHON, a Python that has TensorBoard, its own reader is asked.
  const python = process.env['KANTOR_TENSORBOARD_PYTHON']
  test('TensorBoard reads it', async () => {
    if (python === undefined) return console.warn('TensorBoard was not asked: KANTOR_TENSORBOARD_PYTHON is not set')
    const path = join(services.directory, eventFileName(job))
    await writeFile(path, file)
    const printed = execFileSync(python, ['tests/tensorboard/read_event_file.py', path], { encoding: 'utf8' })
    expect(JSON.parse(printed)).toEqual({
      scalars: Object.fromEntries(lossNames.map((name) => [name, STEPS])),
      nonFinite: Object.fromEntries(lossNames.map((name) => [name, 3])),
      images: SAMPLE_STEPS.length,
      hparams: expect.objectContaining({ batchSize: 64, 'objective.kind': 'wgan-clip' }),
      status: 1,
    })
  })
})
