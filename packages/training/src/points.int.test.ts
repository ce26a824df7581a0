import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import type { ImageSource, TrainEvent } from './events.js'
import { readSafetensors } from './checkpoint/safetensors.js'
import { aSpec, collect, lastCheckpoint, only } from './testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 1 }))

/** Points (1, t) with t on a lattice; the generator `shift` starts at (0, U). */
const line: ImageSource = {
  dtype: 'float32',
  numImages: 37,
  imageSize: 1,
  channels: 2,
  read: (indices) =>
    Float32Array.from({ length: 2 * indices.length }, (_, i) => (i % 2 === 0 ? 1 : indices[i >> 1]! / 37)),
}

const model = { imageSize: 1, critic: 'mlp', generatorFilters: 8, criticFilters: 16, latentSize: 1 }
const specOf = (generator: string, changes = {}) =>
  aSpec({
    model: { ...model, generator },
    objective: { kind: 'wgan-gp' },
    optimizer: { kind: 'adam', criticLearningRate: 1e-2, generatorLearningRate: 1e-2 },
    ...changes,
  })
const curve = (events: TrainEvent[]) => only(events, 'point').map(({ point }) => [...point.values])

describe.each(['mlp', 'shift'])('points with the generator %s', (generator) => {
  test('give the same compiled and op by op, and go on to the bit', async () => {
    const options = { spec: specOf(generator), images: line }
    const whole = await collect(options)
    const eager = await collect({ ...options, engine: 'eager' })
    const half = await collect({ ...options, stopAfter: 5 })
    const rest = await collect({ ...options, resume: lastCheckpoint(half) })

    expect(curve([...half, ...rest])).toEqual(curve(whole))
    expect(Buffer.compare(lastCheckpoint(rest), lastCheckpoint(whole))).toBe(0)
    curve(whole).forEach((values, i) =>
      values.forEach((value, k) => expect(value).toBeCloseTo(curve(eager)[i]![k] as number, 4)),
    )
    const { images } = only(whole, 'sample').at(-1)!
    expect(images).toBeInstanceOf(Float32Array)
    expect(images).toHaveLength(3 * 2)
  })
})

test('the shift of Example 1 learns where the line lies, and nothing else of it changes', async () => {
  const schedule = { criticSteps: 5, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } }
  const events = await collect({
    spec: specOf('shift', { schedule, batchSize: 32, budget: { generatorSteps: 300 } }),
    images: line,
  })
  const tensor = readSafetensors(lastCheckpoint(events)).tensors.get('netG.main.shift')!
  const theta = new Float32Array(tensor.bytes.slice().buffer)

  expect(Math.abs(theta[0]! - 1)).toBeLessThan(0.25)
  const first = only(events, 'sample')[0]!.images
  // (0, Φ(z)): on the line, uniform on [0, 1].
  expect([first[0], first[2], first[4]]).toEqual([0, 0, 0])
  expect([first[1], first[3], first[5]].every((height) => height! > 0 && height! < 1)).toBe(true)
})
