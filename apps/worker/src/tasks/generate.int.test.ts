// Images drawn from a checkpoint, and exports of it, by processes of their own, through the store and back.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ExportRequest, Generate, type GenerateInput, type Task } from '@kantor/contracts'
import { importDataset, readImages } from '@kantor/datasets'
import {
  createTask,
  getTask,
  listCheckpoints,
  listSamples,
  registerDataset,
  taskOutput,
  unreferencedKeys,
} from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import sharp from 'sharp'
import { fromBuffer } from 'yauzl'
import { runAttempt } from '../run-attempt.js'
import { openRig, type Rig } from '../testing/rig.js'
import { runTask } from './run-task.js'

const never = { preempt: new AbortController().signal, abandon: new AbortController().signal }
const SIZE = 16

let services: Services
let rig: Rig
let checkpointId: string
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig(services.databaseUrl, services.directory)
  const job = await rig.submit({
    generatorAverage: { decay: 0.9 },
    model: { generator: 'dcgan', critic: 'mlp', imageSize: SIZE, latentSize: 8, generatorFilters: 4, criticFilters: 8 },
    budget: { generatorSteps: 20 },
  })
  await runAttempt(rig.deps('trainer'), { jobId: job.id }, never)
  checkpointId = (await listCheckpoints(rig.db, job.id, { limit: 1 })).items[0]!.id
})
afterAll(async () => {
  await rig?.close()
  await services?.stop()
})

/** Of an IDX file: big-endian numbers. */
function header(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length)
  for (const [i, value] of numbers.entries()) bytes.writeUInt32BE(value, 4 * i)
  return bytes
}

/** Ninety images of three labels, striped as their label says. Answers id@version. */
async function importStripes(): Promise<string> {
  const numImages = 90
  const [images, labels] = [join(services.directory, 'stripes'), join(services.directory, 'stripe-labels')]
  const pixels = Uint8Array.from({ length: numImages * SIZE ** 2 }, (_, i) => {
    const image = Math.floor(i / SIZE ** 2)
    return 127 + 120 * Math.sin(i * (1 + (image % 3)) + image)
  })
  await writeFile(images, Buffer.concat([header(0x803, numImages, SIZE, SIZE), pixels]))
  await writeFile(
    labels,
    Buffer.concat([header(0x801, numImages), Uint8Array.from({ length: numImages }, (_, i) => i % 3)]),
  )
  const source = { kind: 'idx', images, labels } as const
  const { id, version } = await registerDataset(
    rig.db,
    await importDataset({ id: 'stripes', source, store: rig.store }),
  )
  return `${id}@${version}`
}

async function run(request: GenerateInput): Promise<Task> {
  const task = await createTask(rig.db, { kind: 'generate', checkpointId, params: Generate.parse(request) })
  await runTask(rig.deps('drawer'), new AbortController().signal)
  return (await getTask(rig.db, task.id))!
}

async function bytesOf(request: GenerateInput): Promise<Buffer> {
  const task = await run(request)
  expect(task).toMatchObject({ state: 'succeeded' })
  const output = (await taskOutput(rig.db, task.id))!
  expect(await unreferencedKeys(rig.db, [output.key])).toEqual([])
  return Buffer.from(await rig.store.getBytes(output.key))
}

/** float32 numbers of a .npy file, image by image. */
async function numbersOf(request: GenerateInput): Promise<number[][]> {
  const bytes = await bytesOf({ ...request, as: 'npy' })
  const length = bytes.readUInt16LE(8)
  const [, shape] = /'shape': \(([^)]*)\)/.exec(bytes.toString('latin1', 10, 10 + length)) ?? []
  const [count, ...image] = shape!.split(',').filter(Boolean).map(Number)
  expect(image).toEqual([SIZE, SIZE, 1])
  const values = new Float32Array(new Uint8Array(bytes.subarray(10 + length)).buffer)
  const size = values.length / count!
  return Array.from({ length: count! }, (_, i) => [...values.subarray(i * size, (i + 1) * size)])
}

const farthest = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

/** Of bytes, in the scale −1 … 1. */
const rms = (a: number[], b: number[]) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + ((2 / 255) * (x - b[i]!)) ** 2, 0) / a.length)

async function exported(request: object): Promise<Buffer> {
  const task = await createTask(rig.db, { kind: 'export', checkpointId, params: ExportRequest.parse(request) })
  await runTask(rig.deps('writer'), new AbortController().signal)
  const output = (await taskOutput(rig.db, task.id))!
  const bytes = Buffer.from(await rig.store.getBytes(output.key))
  expect(await getTask(rig.db, task.id)).toMatchObject({
    state: 'succeeded',
    result: { latentSize: 8, imageSize: SIZE, channels: 1, sizeBytes: bytes.length },
  })
  expect(await unreferencedKeys(rig.db, [output.key])).toEqual([])
  return bytes
}

async function namesIn(archive: Buffer): Promise<string[]> {
  const zip = await promisify(fromBuffer)(archive)
  const names: string[] = []
  zip!.on('entry', ({ fileName }: { fileName: string }) => names.push(fileName))
  await once(zip!, 'end')
  return names
}

describe('export', () => {
  test('stores one file, or a ZIP of several, the same for the same weights', async () => {
    const averaged = await exported({ format: 'state-dict' })
    const plain = await exported({ format: 'state-dict', weights: 'generator' })
    expect(averaged.includes('"main.final:4-1:convt.weight"')).toBe(true)
    expect(plain).toHaveLength(averaged.length)
    expect(plain.equals(averaged)).toBe(false)

    const archive = await exported({ format: 'layers-model' })
    expect((await exported({ format: 'layers-model' })).equals(archive)).toBe(true)
    expect(await namesIn(archive)).toEqual(['model.json', 'weights.bin'])
    expect(await namesIn(await exported({ format: 'saved-model' }))).toEqual(['saved_model.pb'])
    expect((await exported({ format: 'onnx' })).includes('latent')).toBe(true)
  })
})

describe('generate', () => {
  test('gives the image of a seed whatever is drawn beside it, with running statistics', async () => {
    const [many, one] = [
      await numbersOf({ from: { kind: 'seeds', seed: 5, count: 70 }, batchNorm: 'running' }),
      await numbersOf({ from: { kind: 'seeds', seed: 8, count: 1 }, batchNorm: 'running' }),
    ]
    expect(many).toHaveLength(70)
    expect(farthest(many[3]!, one[0]!)).toBeLessThan(1e-5)
    expect(farthest(many[0]!, many[1]!)).toBeGreaterThan(1e-3)
    const batch = await numbersOf({ from: { kind: 'seeds', seed: 5, count: 70 }, batchNorm: 'batch' })
    expect(farthest(many[3]!, batch[3]!)).toBeGreaterThan(1e-4)
  })

  test('walks from seed to seed, and draws latents that are given', async () => {
    const running = { batchNorm: 'running' } as const
    const steps = await numbersOf({ ...running, from: { kind: 'path', seeds: [8, 9], frames: 3, loop: false } })
    const ends = await numbersOf({ ...running, from: { kind: 'seeds', seed: 8, count: 2 } })
    expect(steps).toHaveLength(4)
    expect(farthest(steps[0]!, ends[0]!)).toBeLessThan(1e-5)
    expect(farthest(steps[3]!, ends[1]!)).toBeLessThan(1e-5)
    const zero = Array.from({ length: 8 }, () => 0)
    const [centre, again] = await numbersOf({ ...running, from: { kind: 'latents', latents: [zero, zero] } })
    expect(farthest(centre!, again!)).toBeLessThan(1e-6)
    // Truncation draws every latent towards that centre.
    const [near] = await numbersOf({ ...running, truncation: 1e-4, from: { kind: 'seeds', seed: 8, count: 1 } })
    expect(farthest(near!, centre!)).toBeLessThan(1e-3)
  })

  test('draws with the running mean where there is one, or with the generator as asked', async () => {
    const from = { kind: 'seeds', count: 2 } as const
    const [mean, averaged, plain] = [
      await numbersOf({ from }),
      await numbersOf({ from, weights: 'average' }),
      await numbersOf({ from, weights: 'generator' }),
    ]
    expect(mean).toEqual(averaged)
    expect(plain).not.toEqual(averaged)
  })

  test('makes a grid, a PNG each, or an animation', async () => {
    const grid = await sharp(await bytesOf({ from: { kind: 'seeds', count: 10 } })).metadata()
    expect(grid).toMatchObject({ format: 'png', width: 8 * 18 + 2, height: 2 * 18 + 2 })

    const film = await bytesOf({ as: 'webp', from: { kind: 'path', seeds: [1, 2], frames: 4 } })
    expect(await sharp(film, { animated: true }).metadata()).toMatchObject({
      format: 'webp',
      pages: 8,
      pageHeight: SIZE,
    })

    const zip = await promisify(fromBuffer)(await bytesOf({ as: 'zip', from: { kind: 'seeds', count: 3 } }))
    expect(zip!.entryCount).toBe(3)
  })

  test('finds the nearest training images, and what the distance is between real ones', async () => {
    const from: GenerateInput['from'] = { kind: 'seeds', seed: 3, count: 6 }
    const task = await run({ neighbours: 4, from })
    const { neighbours, ...drawn } = (task as Extract<Task, { kind: 'generate' }>).result!
    expect(drawn).toMatchObject({ numImages: 6, weights: 'average' })
    expect(neighbours).toMatchObject({
      trainingImages: 96,
      generated: { images: 6 },
      real: { of: 'training', images: 6 },
    })

    // The picture's rows are the images that the dataset has under these numbers.
    const all = (
      await readImages({ kind: 'idx', images: join(services.directory, 'images-idx3-ubyte') }, { imageSize: SIZE })
    ).images
    const of = (index: number) => [...all.subarray(index * SIZE ** 2, (index + 1) * SIZE ** 2)]
    const output = (await taskOutput(rig.db, task.id))!
    const picture = sharp(await rig.store.getBytes(output.key))
    expect(await picture.metadata()).toMatchObject({ width: 5 * 18 + 2, height: 6 * 18 + 2 })
    const cell = async (row: number, column: number) => [
      ...(await picture
        .clone()
        .extract({ left: 2 + 18 * column, top: 2 + 18 * row, width: SIZE, height: SIZE })
        .toColourspace('b-w')
        .raw()
        .toBuffer()),
    ]
    for (const { image, nearest } of neighbours!.images) {
      const generated = await cell(image, 0)
      const expected = Array.from({ length: 96 }, (_, index) => ({ index, distance: rms(generated, of(index)) }))
      expected.sort((a, b) => a.distance - b.distance)
      expect(nearest.map(({ index }) => index)).toEqual(expected.slice(0, 4).map(({ index }) => index))
      for (const [i, { index, distance, label }] of nearest.entries()) {
        expect(await cell(image, 1 + i)).toEqual(of(index))
        expect([distance, label]).toEqual([expect.closeTo(expected[i]!.distance, 8), null])
      }
    }
    const closest = neighbours!.images.map(({ nearest }) => nearest[0]!.distance).sort((a, b) => a - b)
    expect(neighbours!.generated).toEqual({ images: 6, median: (closest[2]! + closest[3]!) / 2, smallest: closest[0] })
    // Noise is nowhere near other noise; what a generator makes of it after 20 steps lies in the middle.
    expect(neighbours!.real.smallest).toBeGreaterThan(neighbours!.generated.median)
    // Of numbers, and with statistics of the same images, nothing else changes.
    expect(await numbersOf({ neighbours: 1, from })).toEqual(await numbersOf({ from }))
  })

  test('looks among what a job trained on: not among held-out images, which are the floor; an archive has it all', async () => {
    const before = checkpointId
    const job = await rig.submit({ dataset: await importStripes(), heldOut: 10, budget: { generatorSteps: 3 } })
    await runAttempt(rig.deps('holder'), { jobId: job.id }, never)
    checkpointId = (await listCheckpoints(rig.db, job.id, { limit: 1 })).items[0]!.id
    const request: GenerateInput = { neighbours: 8, as: 'zip', from: { kind: 'seeds', count: 12 } }

    const task = await run(request)
    const { neighbours } = (task as Extract<Task, { kind: 'generate' }>).result!
    expect(neighbours).toMatchObject({
      trainingImages: 80,
      generated: { images: 12 },
      real: { of: 'held-out', images: 10 },
    })
    expect(neighbours!.real.smallest).toBeGreaterThan(0)
    for (const { index, label } of neighbours!.images.flatMap(({ nearest }) => nearest))
      expect(label).toBe(String(index % 3))
    const archive = Buffer.from(await rig.store.getBytes((await taskOutput(rig.db, task.id))!.key))
    const names = await namesIn(archive)
    expect(names).toHaveLength(14)
    expect(names).toEqual(expect.arrayContaining(['0011.png', 'neighbours.png', 'neighbours.json']))

    await rig.db.pool.query(`DELETE FROM dataset WHERE id = 'stripes'`)
    const late = await run({ ...request, as: 'png' })
    expect(late).toMatchObject({ state: 'failed', reason: 'impossible', attempt: 1 })
    expect(late.message).toMatch(/^the dataset stripes@\w+ is no longer there: import it again$/)
    checkpointId = before
  })

  test('what cannot be done fails at once and says why', async () => {
    const task = await run({ from: { kind: 'latents', latents: [[1, 2]] } })
    expect(task).toMatchObject({ state: 'failed', reason: 'impossible', attempt: 1 })
    expect(task.message).toBe('latent 0 has 2 numbers, the generator takes 8')
  })

  test('of a conditional generator: the classes asked for in turn, all of them otherwise; grids have a column each', async () => {
    const unconditional = checkpointId
    const job = await rig.submit({
      dataset: await importStripes(),
      model: {
        generator: 'dcgan',
        critic: 'mlp',
        imageSize: SIZE,
        latentSize: 8,
        generatorFilters: 4,
        criticFilters: 8,
        classes: 3,
      },
      optimizer: { kind: 'rmsprop', criticLearningRate: 1e-3, generatorLearningRate: 1e-3 },
      budget: { generatorSteps: 20 },
    })
    await runAttempt(rig.deps('conditional'), { jobId: job.id }, never)
    checkpointId = (await listCheckpoints(rig.db, job.id, { limit: 1 })).items[0]!.id
    expect((await listSamples(rig.db, job.id, { limit: 1 })).items[0]).toMatchObject({ numImages: 4, columns: 3 })

    const latent = Array.from({ length: 8 }, (_, i) => Math.sin(i))
    const from: GenerateInput['from'] = { kind: 'latents', latents: [latent, latent, latent, latent] }
    const all = await numbersOf({ batchNorm: 'running', from })
    for (const other of [1, 2]) expect(farthest(all[0]!, all[other]!)).toBeGreaterThan(1e-3)
    expect(farthest(all[0]!, all[3]!)).toBeLessThan(1e-6)
    const asked = await numbersOf({ batchNorm: 'running', classes: [2, 0], from })
    for (const [i, one] of [2, 0, 2, 0].entries()) expect(farthest(asked[i]!, all[one]!)).toBeLessThan(1e-6)
    // On a path a leg is of one class.
    const walked = await numbersOf({
      batchNorm: 'running',
      classes: [1, 2],
      from: { kind: 'path', seeds: [4, 4], frames: 2 },
    })
    expect(farthest(walked[0]!, walked[1]!)).toBeLessThan(1e-6)
    expect(farthest(walked[1]!, walked[2]!)).toBeGreaterThan(1e-3)
    const grid = await sharp(await bytesOf({ from: { kind: 'seeds', count: 7 } })).metadata()
    expect(grid).toMatchObject({ width: 3 * 18 + 2, height: 3 * 18 + 2 })

    const impossible = { state: 'failed', reason: 'impossible' }
    expect(await run({ classes: [3] })).toMatchObject({ ...impossible, message: expect.stringContaining('0 to 2') })
    checkpointId = unconditional
    expect(await run({ classes: [0] })).toMatchObject({ ...impossible, message: expect.stringContaining('no classes') })
  })

  test('NumPy reads its numbers', async () => {
    const python = process.env['KANTOR_TORCH_PYTHON']
    const bytes = await bytesOf({ as: 'npy', from: { kind: 'seeds', count: 2 } })
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00')
    expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0)
    if (python === undefined) return
    const script = `import io, sys, numpy; print(numpy.load(io.BytesIO(sys.stdin.buffer.read())).shape)`
    const running = promisify(execFile)(python, ['-c', script])
    running.child.stdin?.end(bytes)
    expect((await running).stdout.trim()).toBe('(2, 16, 16, 1)')
  })
})
