import { beforeAll, describe, expect, test } from '@jest/globals'
import { CriticKind, GeneratorKind, type JobSpec } from '@kantor/contracts'
import { loadTensorFlow, tf } from '@kantor/engine'
import { readSafetensors } from './checkpoint/safetensors.js'
import type { TrainEvent } from './events.js'
import { train } from './train.js'
import { alter, aSpec, collect, lastCheckpoint, only, someImages, steady, withMetadata } from './testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const curve = (events: TrainEvent[]) => only(events, 'point').map(({ point }) => [point.step, ...point.values])

async function finalTensors(spec: JobSpec, channels = 1): Promise<Map<string, string>> {
  const { tensors } = readSafetensors(lastCheckpoint(await collect({ spec, images: someImages(30, 16, channels) })))
  return new Map([...tensors].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('hex')]))
}

const optimizers = [{ kind: 'rmsprop' }, { kind: 'adam', criticLearningRate: 1e-3 }]
const ways = (['compiled', 'eager'] as const).flatMap((engine) =>
  ['wgan-clip', 'wgan-gp'].flatMap((objective) => optimizers.map((optimizer) => ({ engine, objective, optimizer }))),
)

describe.each(ways)('resume, $engine, $objective, $optimizer.kind', ({ engine, objective, optimizer }) => {
  const options = { spec: aSpec({ objective: { kind: objective }, optimizer }), images: someImages(), engine }

  test('F36: interrupted anywhere, any number of times, is uninterrupted to the bit; with a cold optimizer it is not', async () => {
    const whole = await collect(options)

    // In a burst, at a turn's end, twice at once, before the last step.
    const parts: TrainEvent[][] = []
    for (const stopAfter of [1, 4, 1, 5, Infinity]) {
      const resume = parts.length === 0 ? undefined : lastCheckpoint(parts.at(-1)!)
      parts.push(await collect({ ...options, resume, stopAfter }))
    }
    expect(parts.map((part) => part.at(-1))).toEqual([
      { type: 'done', step: 1, outcome: 'stopped' },
      { type: 'done', step: 5, outcome: 'stopped' },
      { type: 'done', step: 6, outcome: 'stopped' },
      { type: 'done', step: 11, outcome: 'stopped' },
      whole.at(-1),
    ])
    expect(parts[1]![0]).toMatchObject({ type: 'ready', step: 1, determinism: 'bitwise' })
    expect(curve(parts.flat())).toEqual(curve(whole))
    expect(Buffer.compare(lastCheckpoint(parts.flat()), lastCheckpoint(whole))).toBe(0)
    expect(only(parts.flat(), 'sample').at(-1)).toEqual(only(whole, 'sample').at(-1))

    const cold = alter(lastCheckpoint(parts[1]!), /^optimizer/, () => 0)
    const coldRun = await collect({ ...options, resume: cold })
    expect(curve(coldRun).at(-1)).not.toEqual(curve(whole).at(-1))
  })
})

describe('a start from the checkpoint of another job', () => {
  const options = { spec: aSpec({ optimizer: { kind: 'adam' } }), images: someImages() }
  const forked = async (changes: Record<string, unknown>, start: Uint8Array) =>
    collect({ ...options, spec: aSpec({ optimizer: { kind: 'adam' }, ...changes }), start })

  test('with the same course goes on as that job did, and gives a first sample', async () => {
    const whole = await collect(options)
    const half = await collect({ ...options, stopAfter: 6 })

    const fork = await forked({}, lastCheckpoint(half))

    expect(fork[0]).toMatchObject({ type: 'ready', step: 6, determinism: 'bitwise' })
    expect(only(fork, 'sample').map(({ step }) => step)).toEqual([6, 10, 12])
    expect(curve(fork)).toEqual(curve(whole).slice(6))
    // But for the critic's health, which is looked at anew.
    const rest = (events: typeof fork) => withMetadata(lastCheckpoint(events), { health: '' })
    expect(Buffer.compare(rest(fork), rest(whole))).toBe(0)
  })

  test('may change seed, data, batches, objective and schedule; it is repeated, and resumed, to the bit', async () => {
    const start = lastCheckpoint(await collect({ ...options, stopAfter: 6 }))
    const changes = { seed: 9, batchSize: 5, objective: { kind: 'wgan-gp' }, schedule: { criticSteps: 1 } }
    const whole = await forked(changes, start)
    expect(curve(whole)).toEqual(curve(await forked(changes, start)))
    expect(only(whole, 'point')[0]!.epoch).toBe(3)

    const spec = aSpec({ optimizer: { kind: 'adam' }, ...changes })
    const half = await collect({ ...options, spec, start, stopAfter: 3 })
    const rest = await collect({ ...options, spec, resume: lastCheckpoint(half) })
    expect(curve([...half, ...rest])).toEqual(curve(whole))
  })

  test('with another optimizer has slots and update counts of its own, also after a resume', async () => {
    const start = lastCheckpoint(await collect({ spec: aSpec(), images: someImages(), stopAfter: 6 }))
    const whole = await forked({}, start)
    const half = await collect({ ...options, start, stopAfter: 2 })
    const rest = await collect({ ...options, resume: lastCheckpoint(half) })

    expect(curve([...half, ...rest])).toEqual(curve(whole))
    const { metadata } = readSafetensors(lastCheckpoint(whole))
    expect(JSON.parse(metadata['optimizerSteps'] ?? '')).toMatchObject({ generator: 6 })
    expect(JSON.parse(metadata['state'] ?? '')).toMatchObject({ step: 12 })
  })

  test('refuses networks of another shape by the name of the tensor', async () => {
    const start = lastCheckpoint(await collect({ ...options, stopAfter: 1 }))
    const model = { ...aSpec().model, generatorFilters: 6 }

    await expect(forked({ model }, start)).rejects.toMatchObject({
      name: 'SafetensorsError',
      message: expect.stringContaining('netG.'),
    })
  })
})

describe('the loop', () => {
  /** Their diversity is measured against real images, which are read for it. */
  const rareSamples = { sampling: { every: 1000, count: 3 } }

  test('plays the authors’ schedule: bursts, cut at the end of an epoch, and a generator step all the same', async () => {
    // 37 images in batches of 8: five critic steps per epoch, the last on a tail of 5.
    const sizes: number[] = []
    const images = someImages()
    const read = (indices: Int32Array) => {
      sizes.push(indices.length)
      return images.read(indices)
    }
    const events = await collect({
      spec: aSpec({ budget: { epochs: 3 }, ...rareSamples }),
      images: { ...images, read },
    })
    const points = only(events, 'point')
    // Step 1: warm-up of 3; step 2: 2, which ends the epoch; 3: 2; 4: 2; 5: a burst of 4 cut to 1; then 2, 2, 1.
    expect(points.map(({ point }) => point.criticStep)).toEqual([3, 5, 7, 9, 10, 12, 14, 15])
    expect(points.map(({ epoch }) => epoch)).toEqual([0, 0, 1, 1, 1, 2, 2, 2])
    expect(sizes).toEqual([8, 8, 8, 8, 5, 8, 8, 8, 8, 5, 8, 8, 8, 8, 5])
    expect(events.at(-1)).toEqual({ type: 'done', step: 8, outcome: 'budget' })
  })

  test('shows every image once per epoch, each epoch in another order', async () => {
    const images = someImages(20)
    const seen: number[] = []
    const read = (indices: Int32Array) => {
      seen.push(...indices)
      return images.read(indices)
    }
    await collect({ spec: aSpec({ budget: { epochs: 2 }, ...rareSamples }), images: { ...images, read } })
    const [first, second] = [seen.slice(0, 20), seen.slice(20)]
    for (const epoch of [first, second]) expect([...epoch].sort((a, b) => a - b)).toEqual([...Array(20).keys()])
    expect(first).not.toEqual(second)
  })

  test('gives samples at the start, at the cadence and at the end; checkpoints by steps, seconds and at the end', async () => {
    let seconds = 0
    const control = { ...steady, elapsedSeconds: () => seconds++ / 10 }
    const spec = aSpec({ checkpoint: { everySteps: 4, everySeconds: 86_400 } })
    const events = await collect({ spec, images: someImages(), control })
    expect(events[0]).toMatchObject({ type: 'ready', step: 0, determinism: 'bitwise' })
    expect(only(events, 'sample').map(({ step }) => step)).toEqual([0, 5, 10, 12])
    expect(only(events, 'checkpoint').map(({ step }) => step)).toEqual([4, 8, 12])
    const bySeconds = await collect({
      spec: aSpec({ checkpoint: { everySteps: 1000, everySeconds: 5 }, budget: { generatorSteps: 3 } }),
      images: someImages(),
      control: { ...steady, elapsedSeconds: () => 10 * ++seconds },
    })
    expect(only(bySeconds, 'checkpoint').map(({ step }) => step)).toEqual([1, 2, 3])
  })

  test('a budget of seconds counts earlier attempts', async () => {
    const options = { spec: aSpec({ budget: { seconds: 10 } }), images: someImages() }
    const first = await collect({ ...options, stopAfter: 2, control: { ...steady, elapsedSeconds: () => 6 } })
    const second = await collect({
      ...options,
      resume: lastCheckpoint(first),
      control: { ...steady, elapsedSeconds: () => 5 },
    })
    expect(second.at(-1)).toEqual({ type: 'done', step: 3, outcome: 'budget' })
  })

  test('asked to stop before the first step, it gives a usable checkpoint of step 0', async () => {
    const options = { spec: aSpec(), images: someImages() }
    const events = await collect({ ...options, stopAfter: 0 })
    expect(events.map(({ type }) => type)).toEqual(['ready', 'sample', 'checkpoint', 'done'])
    const resumed = await collect({ ...options, resume: lastCheckpoint(events) })
    expect(curve(resumed)).toEqual(curve(await collect(options)))
  })

  test('samples change nothing, not even running statistics', async () => {
    expect(await finalTensors(aSpec({ sampling: { every: 1, count: 3 } }))).toEqual(
      await finalTensors(aSpec({ sampling: { every: 1000, count: 3 } })),
    )
  })

  test('a run is repeated by its seed, and only by it', async () => {
    const options = { images: someImages(), spec: aSpec() }
    const run = curve(await collect(options))
    expect(curve(await collect(options))).toEqual(run)
    expect(curve(await collect({ ...options, spec: aSpec({ seed: 6 }) }))).not.toEqual(run)
  })

  test('the Wasserstein estimate is minus the critic’s loss, D(fake) − D(real)', async () => {
    for (const { point } of only(await collect({ spec: aSpec(), images: someImages() }), 'point')) {
      const [estimate, loss, , real, fake] = point.values as unknown as [number, number, number, number, number]
      expect(estimate).toBe(-loss)
      expect(estimate).toBe(Math.fround(fake - real))
    }
  })

  test('leaks no tensor', async () => {
    const before = tf.memory().numTensors
    const counts: number[] = []
    const images = someImages()
    const read = (indices: Int32Array) => {
      counts.push(tf.memory().numTensors)
      return images.read(indices)
    }
    await collect({ spec: aSpec({ sampling: { every: 3, count: 2 } }), images: { ...images, read } })
    expect(Math.max(...counts.slice(5))).toBe(Math.max(...counts.slice(0, 5)))
    expect(tf.memory().numTensors).toBe(before)
  })

  test('refuses images that do not fit', async () => {
    await expect(collect({ spec: aSpec(), images: someImages(9, 32) })).rejects.toThrow('32 pixels wide')
    await expect(collect({ spec: aSpec(), images: someImages(0) })).rejects.toThrow('no images')
  })
})

describe('divergence', () => {
  const options = {
    spec: aSpec({
      model: { ...aSpec().model, generator: 'mlp' },
      checkpoint: { everySteps: 2 },
      budget: { generatorSteps: 30 },
    }),
  }

  test('ten non-finite steps end the run with the first of them and a remedy; no checkpoint keeps one', async () => {
    const good = lastCheckpoint(await collect({ ...options, images: someImages(), stopAfter: 3 }))
    const broken = alter(good, /^netG\..*weight$/, (value) => value * 1e25)
    const events: TrainEvent[] = []
    const run = async () => {
      for await (const event of train({
        ...options,
        images: someImages(),
        resume: broken,
        control: steady,
      })) {
        events.push(event)
      }
    }
    await expect(run()).rejects.toMatchObject({
      name: 'DivergedError',
      step: 4,
      message: expect.stringContaining('Lower'),
    })
    expect(only(events, 'point').map(({ point }) => Number.isFinite(point.values[0]))).toEqual(Array(9 + 1).fill(false))
    expect(only(events, 'checkpoint')).toEqual([])
  })
})

// `shift` makes points, which points.int.test.ts trains on.
describe.each(GeneratorKind.exclude(['shift']).options)('generator %s', (generator) => {
  test.each(CriticKind.options)('plays against critic %s', async (critic) => {
    const extraLayers = [generator, critic].some((kind) => kind.startsWith('dcgan')) ? 1 : 0
    const model = { ...aSpec().model, generator, critic, extraLayers }
    const run = (generatorSteps: number) =>
      finalTensors(aSpec({ model, budget: { generatorSteps }, optimizer: { kind: 'adam' } }), 3)
    const [once, twice] = [await run(1), await run(2)]
    // Every weight moved in the second step, and none lost its numbers: a checkpoint refuses them.
    for (const [name, bytes] of twice) {
      if (name.endsWith('weight')) expect([name, bytes]).not.toEqual([name, once.get(name)])
    }
  })
})
