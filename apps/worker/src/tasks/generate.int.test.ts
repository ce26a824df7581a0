// Images drawn from a checkpoint, and exports of it, by processes of their own, through the store and back.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ExportRequest, Generate, type GenerateInput, type Task } from '@kantor/contracts'
import { createTask, getTask, listCheckpoints, taskOutput, unreferencedKeys } from '@kantor/db'
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

  test('what cannot be done fails at once and says why', async () => {
    const task = await run({ from: { kind: 'latents', latents: [[1, 2]] } })
    expect(task).toMatchObject({ state: 'failed', reason: 'impossible', attempt: 1 })
    expect(task.message).toBe('latent 0 has 2 numbers, the generator takes 8')
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
