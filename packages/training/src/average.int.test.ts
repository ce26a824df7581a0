import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { float32Values, readSafetensors } from './checkpoint/safetensors.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from './testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const NAME = 'main.final:4-1:convt.weight'
const decay = 0.75
const spec = (steps: number, changes: object = {}) =>
  aSpec({
    generatorAverage: { decay },
    budget: { generatorSteps: steps },
    sampling: { every: 1, count: 3 },
    ...changes,
  })

async function weightsAfter(steps: number) {
  const file = readSafetensors(lastCheckpoint(await collect({ spec: spec(steps), images: someImages() })))
  const read = (prefix: string) => [...float32Values(file, `${prefix}${NAME}`, [4, 1, 4, 4])]
  return { now: read('netG.'), average: read('netG_ema.') }
}

describe('the generator’s running mean', () => {
  test('is w̄ ← decay · w̄ + (1 − decay) · w after every generator step', async () => {
    const [first, second] = [await weightsAfter(1), await weightsAfter(2)]
    second.average.forEach((mean, i) => {
      expect(mean).toBeCloseTo(decay * first.average[i]! + (1 - decay) * second.now[i]!, 6)
    })
    expect(second.average).not.toEqual(second.now)
  })

  test('draws the samples and changes nothing of the training', async () => {
    const images = someImages()
    const [averaged, plain] = [
      await collect({ spec: spec(4), images }),
      await collect({ spec: spec(4, { generatorAverage: undefined }), images }),
    ]
    const pointsOf = (events: typeof plain) => only(events, 'point').map(({ point }) => [...point.values])
    expect(pointsOf(averaged)).toEqual(pointsOf(plain))
    const [mine, theirs] = [only(averaged, 'sample'), only(plain, 'sample')]
    expect(mine[0]).toEqual(theirs[0])
    expect(mine.at(-1)).not.toEqual(theirs.at(-1))
  })

  test('begins as the weights are when the run starts from a checkpoint that has none', async () => {
    const images = someImages()
    const start = lastCheckpoint(await collect({ spec: spec(2, { generatorAverage: undefined }), images }))
    const { tensors } = readSafetensors(lastCheckpoint(await collect({ spec: spec(2), images, start, stopAfter: 0 })))
    expect(tensors.get(`netG_ema.${NAME}`)?.bytes).toEqual(tensors.get(`netG.${NAME}`)?.bytes)
  })
})
