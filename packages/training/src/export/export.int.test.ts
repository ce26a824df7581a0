// Every generator in every format, run by its own runtime and compared with the images that `generate` draws.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ExportRequest, type GeneratorKind } from '@kantor/contracts'
import { loadTensorFlow, type Tensor as Images, tf } from '@kantor/engine'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { float32Tensor, readSafetensors, type StoredTensor, writeSafetensors } from '../checkpoint/safetensors.js'
import { openDrawing } from '../drawing.js'
import { aSpec, collect, lastCheckpoint, someImages } from '../testing/runs.js'
import { exportGenerator } from './index.js'

const LATENT = 4
const SIZE = 16
const CHANNELS = 3
const COUNT = 5

/** One per kind; the DCGANs with an extra convolution, which has a shape of its own. */
const generators = ['dcgan', 'dcgan-nobn', 'dcgan-constant', 'mlp', 'resnet'] as const satisfies GeneratorKind[]
/** Conditional on five classes. */
const classed = ['dcgan by class', 'resnet by class'] as const
type Made = (typeof generators)[number] | (typeof classed)[number]
const checkpoints = new Map<Made, Uint8Array>()
let directory: string

beforeAll(async () => {
  await loadTensorFlow({ threads: 1 })
  directory = mkdtempSync(join(tmpdir(), 'kantor-export-'))
  for (const name of [...generators, ...classed]) {
    const generator = name.replace(' by class', '')
    const extraLayers = generator.startsWith('dcgan') ? 1 : 0
    const classes = generator === name ? undefined : 5
    const model = { generator, critic: 'mlp', imageSize: SIZE, latentSize: LATENT, extraLayers, classes }
    const filters = { generatorFilters: 4, criticFilters: 4 }
    // A few fast steps, so that running statistics and offsets are not what they start as.
    const optimizer = { kind: 'rmsprop', criticLearningRate: 1e-2, generatorLearningRate: 1e-2 }
    const spec = aSpec({ model: { ...model, ...filters }, optimizer, generatorAverage: { decay: 0.5 } })
    const run = await collect({ spec, images: someImages(16, SIZE, CHANNELS), stopAfter: 3 })
    checkpoints.set(name, /nobn|constant/.test(generator) ? louder(lastCheckpoint(run)) : lastCheckpoint(run))
  }
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Without batch norm what the authors start from makes one grey of all latents: larger filters, so that there is something to compare. */
function louder(checkpoint: Uint8Array): Uint8Array {
  const { tensors, metadata } = readSafetensors(checkpoint)
  const scaled = [...tensors].map(([name, tensor]): [string, StoredTensor] => {
    if (!name.startsWith('netG') || tensor.shape.length < 4) return [name, tensor]
    const values = new Float32Array(new Uint8Array(tensor.bytes).buffer).map((value) => 12 * value)
    return [name, float32Tensor(values, tensor.shape)]
  })
  return writeSafetensors(scaled, metadata)
}

const latents = Float32Array.from({ length: COUNT * LATENT }, (_, i) => Math.sin(3 * i + 1) * 1.5)

async function drawn(generator: Made, batchNorm: 'running' | 'batch', weights?: 'generator' | 'average', ofClass = 0) {
  const drawing = await openDrawing(checkpoints.get(generator)!, weights)
  try {
    return drawing.draw(latents, batchNorm, new Int32Array(COUNT).fill(ofClass))
  } finally {
    drawing.dispose()
  }
}

function filesOf(generator: Made, request: object): string {
  const { files } = exportGenerator(checkpoints.get(generator)!, ExportRequest.parse(request))
  const target = mkdtempSync(join(directory, 'files-'))
  for (const { name, bytes } of files) writeFileSync(join(target, name), bytes)
  return target
}

async function layersModelImages(generator: Made, request: object): Promise<Float32Array> {
  const model = await tf.loadLayersModel(`file://${join(filesOf(generator, request), 'model.json')}`)
  return tf.tidy(() => (model.predict(tf.tensor2d(latents, [COUNT, LATENT])) as Images).dataSync<'float32'>())
}

async function savedModelImages(generator: Made, request: object): Promise<Float32Array> {
  const model = await tf.node.loadSavedModel(filesOf(generator, request), ['serve'], 'serving_default')
  try {
    return tf.tidy(() => {
      const { images } = model.predict({ latent: tf.tensor2d(latents, [COUNT, LATENT]) }) as { images: Images }
      return images.dataSync<'float32'>()
    })
  } finally {
    model.dispose()
  }
}

async function onnxImages(generator: Made, request: object): Promise<Float32Array> {
  const { files } = exportGenerator(checkpoints.get(generator)!, ExportRequest.parse(request))
  const session = await InferenceSession.create(files[0]!.bytes)
  const { images } = await session.run({ latent: new Tensor('float32', latents, [COUNT, LATENT]) })
  expect(images!.dims).toEqual([COUNT, CHANNELS, SIZE, SIZE])
  return tf.tidy(() => {
    const planes = tf.tensor4d(images!.data as Float32Array, [COUNT, CHANNELS, SIZE, SIZE])
    return tf.transpose(planes, [0, 2, 3, 1]).dataSync<'float32'>()
  })
}

const farthest = (a: Float32Array, b: Float32Array): number => {
  expect(a).toHaveLength(b.length)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

const runtimes = { 'layers-model': layersModelImages, 'saved-model': savedModelImages, onnx: onnxImages }
const cases = generators.flatMap((generator) =>
  Object.entries(runtimes).map(([format, run]) => ({ generator, format, run })),
)

describe('an exported generator', () => {
  test.each(cases)('$generator as $format gives the images of generate', async ({ generator, format, run }) => {
    const ours = await drawn(generator, 'running', 'average')
    expect(farthest(await run(generator, { format }), ours)).toBeLessThan(1e-5)
    // What is compared is not one grey for all.
    expect(farthest(ours.subarray(0, ours.length / COUNT), ours.subarray(-ours.length / COUNT))).toBeGreaterThan(1e-3)
  })

  test.each(cases.filter(({ generator, format }) => format !== 'layers-model' && /^dcgan$|resnet/.test(generator)))(
    '$generator as $format by the statistics of the batch, with the weights that are asked for',
    async ({ generator, format, run }) => {
      const ours = await drawn(generator, 'batch', 'generator')
      const theirs = await run(generator, { format, batchNorm: 'batch', weights: 'generator' })
      expect(farthest(theirs, ours)).toBeLessThan(1e-5)
      expect(farthest(theirs, await drawn(generator, 'running', 'generator'))).toBeGreaterThan(1e-4)
    },
  )

  test.each(
    classed.flatMap((generator) => Object.entries(runtimes).map(([format, run]) => ({ generator, format, run }))),
  )('$generator as $format gives those of the class asked for', async ({ generator, format, run }) => {
    const theirs = await run(generator, { format, class: 3 })
    expect(farthest(theirs, await drawn(generator, 'running', undefined, 3))).toBeLessThan(1e-5)
    expect(farthest(theirs, await drawn(generator, 'running', undefined, 2))).toBeGreaterThan(1e-3)
    expect(() => filesOf(generator, { format })).toThrow('name a class from 0 to 4')
  })

  test('as a state_dict has the authors’ names and the checkpoint’s bytes', () => {
    const stored = readSafetensors(checkpoints.get('dcgan')!).tensors
    const request = ExportRequest.parse({ format: 'state-dict', weights: 'generator' })
    const { tensors, metadata } = readSafetensors(exportGenerator(checkpoints.get('dcgan')!, request).files[0]!.bytes)
    expect(metadata).toEqual({ format: 'pt', 'kantor.network': 'generator' })
    expect([...tensors.keys()]).toContain('main.initial:8:batchnorm.num_batches_tracked')
    const [averaged] = exportGenerator(checkpoints.get('dcgan')!, ExportRequest.parse({ format: 'state-dict' })).files
    expect([...readSafetensors(averaged!.bytes).tensors.keys()]).toEqual([...tensors.keys()])
    for (const [name, { dtype, shape, bytes }] of tensors)
      expect({ name, dtype, shape, bytes: Buffer.from(bytes) }).toEqual({
        name,
        dtype: stored.get(`netG.${name}`)!.dtype,
        shape: stored.get(`netG.${name}`)!.shape,
        bytes: Buffer.from(stored.get(`netG.${name}`)!.bytes),
      })
  })

  test('is refused for a LayersModel with statistics of the batch', () => {
    const { error } = ExportRequest.safeParse({ format: 'layers-model', batchNorm: 'batch' })
    expect(error!.issues).toMatchObject([
      { path: ['batchNorm'], message: expect.stringContaining('onnx or saved-model') },
    ])
  })
})
