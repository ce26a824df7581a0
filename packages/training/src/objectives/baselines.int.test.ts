import { beforeAll, describe, expect, test } from '@jest/globals'
import { Objective as ObjectiveSpec } from '@kantor/contracts'
import { loadTensorFlow, type Tensor1D, type Tensor4D, tf } from '@kantor/engine'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import { createObjective } from './index.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

/** D(x) = 3x₀ + 4x₁ on 1 × 1 images, so f = −D: f(real) = −2 and .5, f(fake) = −1 and 3. */
const score = (imagesNHWC: Tensor4D) => tf.sum(tf.mul(imagesNHWC, tf.tensor1d([3, 4])), [1, 2, 3]) as Tensor1D
const imagesWith = (f: number[]) =>
  tf.tensor4d(
    f.flatMap((value) => [-value / 3, 0]),
    [f.length, 1, 1, 2],
  )
const f = { real: [-2, 0.5], fake: [-1, 3] }

function measure(spec: object) {
  const objective = createObjective(ObjectiveSpec.parse(spec))
  return tf.tidy(() => {
    const batch = { realNHWC: imagesWith(f.real), fakeNHWC: imagesWith(f.fake) }
    const terms = objective.criticTerms(score, batch).map((term) => term.dataSync()[0] as number)
    const [generator] = objective.generatorTerm(score(batch.fakeNHWC)).dataSync() as unknown as [number]
    const critic = objective.criticWeights.reduce((sum, weight, i) => sum + weight * (terms[i] as number), 0)
    return { critic, generator, reported: terms.slice(0, 2) }
  })
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const meanOf = (values: number[], loss: (value: number) => number) => mean(values.map(loss))
const logistic = (value: number) => 1 / (1 + Math.exp(-value))

/** The formulas as their papers print them, in terms of f. */
const known = {
  'non-saturating': {
    critic: meanOf(f.real, (x) => -Math.log(logistic(x))) + meanOf(f.fake, (x) => -Math.log(1 - logistic(x))),
    generator: meanOf(f.fake, (x) => -Math.log(logistic(x))),
  },
  minimax: {
    critic: meanOf(f.real, (x) => -Math.log(logistic(x))) + meanOf(f.fake, (x) => -Math.log(1 - logistic(x))),
    generator: meanOf(f.fake, (x) => Math.log(1 - logistic(x))),
  },
  'least-squares': {
    critic: meanOf(f.real, (x) => (x - 1) ** 2 / 2) + meanOf(f.fake, (x) => x ** 2 / 2),
    generator: meanOf(f.fake, (x) => (x - 1) ** 2 / 2),
  },
  hinge: {
    critic: meanOf(f.real, (x) => Math.max(0, 1 - x)) + meanOf(f.fake, (x) => Math.max(0, 1 + x)),
    generator: -mean(f.fake),
  },
  // ‖∇D‖ = 5 everywhere.
  'wgan-div': { critic: mean(f.fake) - mean(f.real) + 2 * 5 ** 6, generator: -mean(f.fake) },
}

describe.each(Object.entries(known))('%s', (kind, { critic, generator }) => {
  test('is what its paper prints, and reports mean D as every objective does', () => {
    const measured = measure({ kind })
    expect(measured.critic / critic).toBeCloseTo(1, 5)
    expect(measured.generator).toBeCloseTo(generator, 5)
    expect(measured.reported[0]).toBeCloseTo(-mean(f.real), 5)
    expect(measured.reported[1]).toBeCloseTo(-mean(f.fake), 5)
  })

  test('trains, and resumes to the bit', async () => {
    const options = { spec: aSpec({ objective: { kind } }), images: someImages() }
    const whole = await collect(options)
    expect(only(whole, 'point').every(({ point }) => point.values.every(Number.isFinite))).toBe(true)
    const resumed = await collect({
      ...options,
      resume: lastCheckpoint(await collect({ ...options, stopAfter: 6 })),
    })
    expect(Buffer.compare(lastCheckpoint(resumed), lastCheckpoint(whole))).toBe(0)
  })
})

test('the powers of the Wasserstein divergence are those of the slope', () => {
  const estimate = mean(f.fake) - mean(f.real)
  for (const power of [2, 4, 6])
    expect(measure({ kind: 'wgan-div', k: 3, power }).critic / (estimate + 3 * 5 ** power)).toBeCloseTo(1, 5)
})

test('R1 adds γ / 2 times the mean squared slope on real images, and 0 adds no pass', () => {
  for (const kind of ['non-saturating', 'minimax', 'least-squares', 'hinge'] as const) {
    expect(measure({ kind, r1: 10 }).critic - measure({ kind }).critic).toBeCloseTo(5 * 25, 3)
    expect(createObjective({ kind, r1: 0 }).criticPasses).toBe(2)
  }
})
