// Evaluations of real checkpoints in real processes: on a set with labels, and on one without.
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { CurveQuery, type Evaluation, type MetricName, metricsFor } from '@kantor/contracts'
import { importDataset } from '@kantor/datasets'
import {
  claimTask,
  createTask,
  finishTask,
  getJob,
  getTask,
  listCheckpoints,
  listMetrics,
  listTasks,
  readCurve,
  registerDataset,
  registerWeights,
} from '@kantor/db'
import { weightsKey } from '@kantor/storage'
import { graphBytes, type Services, startServices } from '@kantor/testing'
import { runAttempt } from '../run-attempt.js'
import { openRig, type Rig } from '../testing/rig.js'
import { runTask } from './run-task.js'

const NUM_IMAGES = 300
const shutdown = { preempt: new AbortController().signal, abandon: new AbortController().signal }

const header = (magic: number, ...sizes: number[]) => {
  const bytes = Buffer.alloc(4 + 4 * sizes.length)
  ;[magic, ...sizes].forEach((value, i) => bytes.writeUInt32BE(value, 4 * i))
  return bytes
}

/** Three classes: bright at the top, in the middle, at the bottom. */
async function importBands({ db, store }: Rig, directory: string): Promise<string> {
  const pixels = Buffer.alloc(NUM_IMAGES * 256)
  for (let i = 0; i < pixels.length; i++) {
    const [image, row] = [Math.floor(i / 256), Math.floor((i % 256) / 16)]
    pixels[i] = Math.floor(row / 6) === image % 3 ? 180 + ((i * 7 + image) % 60) : (i * 13 + image * 5) % 50
  }
  const [images, labels] = [join(directory, 'bands-images'), join(directory, 'bands-labels')]
  await writeFile(images, Buffer.concat([header(0x803, NUM_IMAGES, 16, 16), pixels]))
  await writeFile(
    labels,
    Buffer.concat([header(0x801, NUM_IMAGES), Buffer.from(Array.from({ length: NUM_IMAGES }, (_, i) => i % 3))]),
  )
  const imported = await importDataset({ id: 'bands', source: { kind: 'idx', images, labels }, store })
  const { id, version } = await registerDataset(db, imported)
  return `${id}@${version}`
}

// Processes that load TensorFlow at the lowest priority: minutes on a busy machine.
jest.setTimeout(300_000)

describe('an evaluation', () => {
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

  const train = async (spec: object) => {
    const job = await rig.submit(spec)
    await runAttempt(rig.deps('trainer'), { jobId: job.id }, shutdown)
    expect(await getJob(rig.db, job.id)).toMatchObject({ state: 'succeeded', message: null })
    return job
  }
  const work = () => runTask(rig.deps('evaluator'), new AbortController().signal)

  test('of each checkpoint is queued by the spec, joins the curve with its floor, and stays when the checkpoint goes', async () => {
    const metrics: MetricName[] = ['fid_classifier', 'fid_random', 'coverage']
    const dataset = await importBands(rig, services.directory)
    const checkpoint = { everySteps: 20, keep: 1 }
    const job = await train({ dataset, checkpoint, evaluation: { every: 'checkpoint', metrics, images: 60 } })
    // Kept beyond `keep`, since it is still to be measured.
    const { items } = await listCheckpoints(rig.db, job.id, { limit: 10 })
    expect(items.map(({ step }) => step)).toEqual([40, 20])
    const before = await readCurve(rig.db, job.id, CurveQuery.parse({ metrics: 'w_estimate' }))

    expect([await work(), await work(), await work()]).toEqual(['succeeded', 'succeeded', null])

    const tasks = (await listTasks(rig.db, { limit: 10, kind: ['evaluate'] })).items
    const results = tasks.map(({ result }) => result as Evaluation)
    const [classifier, random] = results[0]!.extractors
    expect(classifier).toMatchObject({ kind: 'classifier' })
    expect(classifier!.accuracy).toBeGreaterThan(0.9)
    expect(random).toMatchObject({ kind: 'random', accuracy: null })
    // Made once.
    expect(results[1]!.extractors).toEqual(results[0]!.extractors)
    expect(results[0]!.measurements.map(({ name }) => name)).toEqual(metrics)
    const fid = results[0]!.measurements[0]!
    expect(fid).toMatchObject({ name: 'fid_classifier', images: 60, extractor: classifier!.sha256 })
    expect(fid.value).toBeGreaterThan(2 * fid.floor)

    const query = CurveQuery.parse({ metrics: 'w_estimate,metric.fid_classifier,metric.coverage', resolution: '16' })
    const { series, seq } = await readCurve(rig.db, job.id, query)
    expect(series['metric.fid_classifier']).toMatchObject({
      x: [20, 40],
      last: [expect.any(Number), fid.value],
      n: [1, 1],
    })
    expect(series['metric.fid_classifier']!.floor).toEqual([fid.floor, fid.floor])
    expect(seq).toBeGreaterThan(before.seq)
    // Beside points that did not change: whole in every reply.
    const again = await readCurve(rig.db, job.id, { ...query, sinceSeq: seq })
    expect(again.series['w_estimate']!.x).toEqual([])
    expect(again.series['metric.coverage']!.x).toEqual([20, 40])

    await rig.db.pool.query('DELETE FROM checkpoint WHERE job_id = $1 AND step = 20', [job.id])
    const rows = await listMetrics(rig.db, job.id, { limit: 2 })
    expect(rows.items[0]).toMatchObject({ step: 40, attempt: 1 })
    const rest = await listMetrics(rig.db, job.id, { limit: 20, cursor: rows.nextCursor! })
    expect([...rows.items, ...rest.items].map(({ step }) => step).toSorted((x, y) => x - y)).toEqual([
      ...metrics.map(() => 20),
      ...metrics.map(() => 40),
    ])
  })

  test('of the last checkpoint is queued when the job ends, without labels by an untrained network, and lets a verification go first', async () => {
    const job = await train({ evaluation: { every: 'last', metrics: ['fid_random', 'coverage'], images: 2000 } })
    const { items } = await listCheckpoints(rig.db, job.id, { limit: 10 })
    const verify = await createTask(rig.db, { kind: 'verify', checkpointId: items[1]!.id })
    const first = await claimTask(rig.db, { workerId: 'w', leaseSeconds: 60 })
    expect(first!.task.id).toBe(verify.id)
    const intact = { intact: true, sizeBytes: 1, sha256: null, fault: null }
    await finishTask(rig.db, first!.fence, { to: 'succeeded', result: intact })

    const [task, ...others] = (await listTasks(rig.db, { limit: 10, kind: ['evaluate'], state: ['queued'] })).items
    expect(others).toEqual([])
    expect(task).toMatchObject({ checkpointId: items[0]!.id })
    expect(await work()).toBe('succeeded')
    const { measurements, extractors } = (await getTask(rig.db, task!.id))!.result as Evaluation
    // A third of 96 images; without a classifier the neighbours are those of the other network's features.
    expect(measurements.map(({ name, images }) => [name, images])).toEqual([
      ['fid_random', 32],
      ['coverage', 32],
    ])
    expect(extractors.map(({ kind }) => kind)).toEqual(['random'])
    expect(metricsFor({ labels: [] })).not.toContain('fid_classifier')
  })

  test('takes the features of an uploaded network, whose hash stands beside the figure, and fails at once by one that gives none', async () => {
    const job = await train({})
    const { items } = await listCheckpoints(rig.db, job.id, { limit: 1 })
    const whole = { T: 'float', ksize: [1, 20, 20, 1], strides: [1, 20, 20, 1], padding: 'VALID' }
    const graph = graphBytes({
      images: { op: 'Placeholder', attributes: { dtype: 'float' } },
      features: { op: 'AvgPool', inputs: ['images'], attributes: whole },
      brighter: { op: 'Exp', inputs: ['images'], attributes: { T: 'float' } },
    })
    const sha256 = createHash('sha256').update(graph).digest('hex')
    const networkOf = async (output: string, bytes: Uint8Array) => {
      const key = weightsKey(output)
      const features = { input: 'images', output, size: 20, range: '0..1' } as const
      const hash = createHash('sha256').update(bytes).digest('hex')
      await rig.store.put(key, bytes, { contentType: 'application/octet-stream', sha256: hash })
      const row = { key, sizeBytes: bytes.length, sha256: hash, networks: ['features' as const], features }
      return registerWeights(rig.db, row)
    }
    const evaluateBy = async (output: string, bytes: Uint8Array) => {
      const { id: extractor } = await networkOf(output, bytes)
      const params = { images: 30, metrics: ['fid_uploaded' as const], extractor }
      const task = await createTask(rig.db, { kind: 'evaluate', checkpointId: items[0]!.id, params })
      return { ended: await work(), task: (await getTask(rig.db, task.id))! }
    }
    const { ended, task } = await evaluateBy('features', graph)
    expect(ended).toBe('succeeded')
    const { extractors, measurements, weights } = task.result as Evaluation
    expect(weights).toBe('generator')
    expect(extractors).toMatchObject([{ kind: 'uploaded', sha256, dimensions: 3, network: { size: 20 } }])
    expect(measurements).toMatchObject([{ name: 'fid_uploaded', extractor: sha256, images: 30 }])
    const { items: rows } = await listMetrics(rig.db, job.id, { limit: 1 })
    expect(rows).toMatchObject([{ name: 'fid_uploaded', extractor: sha256, value: measurements[0]!.value }])

    const wrong = await evaluateBy(
      'brighter',
      Buffer.concat([graph, graphBytes({ other: 'NoOp' }, { weightBytes: 0 })]),
    )
    expect(wrong).toMatchObject({ ended: 'failed', task: { state: 'failed', reason: 'impossible' } })
    expect(wrong.task.message).toContain('gives [2, 20, 20, 3] at brighter, which is no row')
  })

  test('is handed back by a worker that leaves', async () => {
    const job = await train({})
    const { items } = await listCheckpoints(rig.db, job.id, { limit: 1 })
    const task = await createTask(rig.db, { kind: 'evaluate', checkpointId: items[0]!.id, params: { images: 32 } })
    const leave = new AbortController()
    const running = runTask(rig.deps('evaluator'), leave.signal)
    leave.abort()
    expect(await running).toBe('queued')
    expect(await getTask(rig.db, task.id)).toMatchObject({ reason: 'preempted' })
  })
})
