import { beforeAll, describe, expect, test } from '@jest/globals'
import { CriticKind, GeneratorKind, Objective, Optimizer } from '@kantor/contracts'
import { loadTensorFlow, tf } from '@kantor/engine'
import { readSafetensors } from '../checkpoint/safetensors.js'
import { aSpec, collect, lastCheckpoint, only, someImages, withMetadata } from '../testing/runs.js'
import type { TrainOptions } from '../train.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const kindsOf = (union: { options: readonly { shape: { kind: { value: string } } }[] }): string[] =>
  union.options.map(({ shape }) => shape.kind.value)

/** Everything that a run tells, to the bit; only the engine's name in the checkpoint differs. */
async function told(options: Omit<TrainOptions, 'control'>, engine: 'compiled' | 'eager') {
  const events = await collect({ ...options, engine })
  const { tensors, metadata } = readSafetensors(lastCheckpoint(events))
  return {
    determinism: only(events, 'ready').map(({ determinism }) => determinism),
    points: only(events, 'point').map(({ point, epoch }) => [epoch, point.step, point.criticStep, ...point.values]),
    samples: only(events, 'sample').map(({ images }) => Buffer.from(images).toString('hex')),
    tensors: [...tensors].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('hex')]),
    state: metadata['state'],
  }
}

/** Every network once, under the objectives of the two papers with their optimizers; the other objectives on one pair, with both. */
const pair = { generator: 'dcgan', critic: 'dcgan-nobn' }
const networks = [
  // `shift` makes points, which points.int.test.ts trains on.
  ...GeneratorKind.exclude(['shift']).options.map((generator) => ({ generator, critic: 'mlp' })),
  ...CriticKind.options.map((critic) => ({ generator: 'dcgan', critic })),
  { generator: 'resnet', critic: 'resnet' },
]
const papers = { 'wgan-clip': 'rmsprop', 'wgan-gp': 'adam' }
const combinations = [
  ...Object.entries(papers).flatMap(([objective, optimizer]) =>
    networks.map((players) => ({ ...players, objective, optimizer })),
  ),
  ...kindsOf(Objective)
    .filter((objective) => !(objective in papers))
    .flatMap((objective) => kindsOf(Optimizer).map((optimizer) => ({ ...pair, objective, optimizer }))),
]

describe('compiled training', () => {
  test.each(combinations)(
    'is eager training to the bit: $generator against $critic, $objective, $optimizer',
    async ({ generator, critic, objective, optimizer }) => {
      // 29 images in batches of 8: whole turns, bursts, a tail of 5 and turns cut short by an epoch's end.
      const options = {
        spec: aSpec({
          model: { ...aSpec().model, generator, critic },
          objective: { kind: objective },
          optimizer: { kind: optimizer },
          budget: { generatorSteps: 5 },
        }),
        images: someImages(29),
      }
      const eager = await told(options, 'eager')
      expect(await told(options, 'compiled')).toEqual(eager)
      expect(eager.points.flat().every(Number.isFinite)).toBe(true)
    },
  )

  test.each([
    ['a running mean of the generator', { generatorAverage: { decay: 0.9 } }],
    ['rates that fall to nothing', { optimizer: { kind: 'adam', decay: { from: 1, until: 4 } } }],
    ['a drift term', { objective: { kind: 'wgan-gp', drift: 0.01 } }],
    ['spectral norm', { objective: { kind: 'wgan-sn' }, model: { ...aSpec().model, critic: 'resnet-sn' } }],
    ['classes', { model: { ...aSpec().model, classes: 5 }, generatorAverage: { decay: 0.9 }, heldOut: 4 }],
    [
      'classes and a penalty on residual networks',
      {
        model: { ...aSpec().model, generator: 'resnet', critic: 'resnet', classes: 5 },
        objective: { kind: 'wgan-gp' },
        optimizer: { kind: 'adam' },
      },
    ],
    [
      'classes and spectral norm',
      { model: { ...aSpec().model, critic: 'dcgan-sn', classes: 5 }, objective: { kind: 'wgan-sn' } },
    ],
    ['classes and an MLP critic', { model: { ...aSpec().model, critic: 'mlp', classes: 5 } }],
  ])('is eager training to the bit, and so is a resumed one, with %s', async (_what, changes) => {
    const options = { spec: aSpec({ budget: { generatorSteps: 6 }, ...changes }), images: someImages(29) }
    const compiled = await told(options, 'compiled')
    expect(compiled).toEqual(await told(options, 'eager'))
    const half = await collect({ ...options, stopAfter: 3 })
    const resumed = await collect({ ...options, resume: lastCheckpoint(half) })
    const { tensors } = readSafetensors(lastCheckpoint(resumed))
    expect([...tensors].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('hex')])).toEqual(
      compiled.tensors,
    )
  })

  test('leaves no tensor behind and none grows', async () => {
    const before = tf.memory().numTensors
    const counts: number[] = []
    const images = someImages()
    const read = (indices: Int32Array) => {
      counts.push(tf.memory().numTensors)
      return images.read(indices)
    }
    await collect({ spec: aSpec(), images: { ...images, read }, engine: 'compiled' })
    expect(new Set(counts).size).toBe(1)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('with measured lowerings, a resumed run repeats those of its checkpoint, whatever is measured now', async () => {
    const options = { spec: aSpec({ lowerings: 'measured' }), images: someImages() }
    const whole = await collect(options)
    const { lowerings } = only(whole, 'ready')[0]!
    expect(Object.keys(lowerings).length).toBeGreaterThan(0)
    // The other way round for every convolution: on another day the machine might have measured that.
    const opposite = Object.fromEntries(
      Object.entries(lowerings).map(([key, plan]) => [key, plan === 'direct' ? 'space-to-depth' : 'direct'] as const),
    )
    const half = await collect({ ...options, lowerings, stopAfter: 6 })
    const resumed = await collect({ ...options, lowerings: opposite, resume: lastCheckpoint(half) })
    expect(resumed[0]).toEqual({ type: 'ready', step: 6, determinism: 'bitwise', lowerings })
    expect(Buffer.compare(lastCheckpoint(resumed), lastCheckpoint(whole))).toBe(0)
    // They do make a difference: pinning is not for show.
    const other = await collect({ ...options, lowerings: opposite })
    expect(Buffer.compare(lastCheckpoint(other), lastCheckpoint(whole))).not.toBe(0)
  })

  test('a checkpoint from another machine is no reason to compute its way', async () => {
    const options = { spec: aSpec({ lowerings: 'measured' }), images: someImages() }
    const half = lastCheckpoint(await collect({ ...options, stopAfter: 3 }))
    const runtime = JSON.parse(readSafetensors(half).metadata['runtime'] ?? '') as object
    const elsewhere = withMetadata(half, {
      runtime: JSON.stringify({ ...runtime, processor: 'another' }),
      lowerings: JSON.stringify({ 'convolution float32 8x16x16x1 to 4': 'patches' }),
    })
    const known = { 'convolution float32 8x16x16x1 to 4': 'slices' } as const
    const [ready] = only(await collect({ ...options, lowerings: known, resume: elsewhere }), 'ready')
    expect(ready?.determinism).toBe('best-effort')
    expect(ready?.lowerings).toMatchObject(known)
  })

  test('damaged lowerings in a checkpoint are refused', async () => {
    const options = { spec: aSpec({ lowerings: 'measured' }), images: someImages() }
    const half = lastCheckpoint(await collect({ ...options, stopAfter: 3 }))
    const resume = withMetadata(half, { lowerings: '{"convolution":"by hand"}' })
    await expect(collect({ ...options, resume })).rejects.toThrow('metadata lowerings is damaged')
  })

  test('a checkpoint of the other engine is taken, but not promised to the bit', async () => {
    const options = { spec: aSpec(), images: someImages() }
    const eager = await collect({ ...options, engine: 'eager', stopAfter: 3 })
    const resumed = await collect({ ...options, resume: lastCheckpoint(eager) })
    expect(resumed[0]).toMatchObject({ type: 'ready', step: 3, determinism: 'best-effort' })
  })
})
