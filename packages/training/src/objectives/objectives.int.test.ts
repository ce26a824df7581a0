import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { CriticKind } from '@kantor/contracts'
import {
  batchNormTraining,
  type BatchNormState,
  convolve,
  loadTensorFlow,
  tanh,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
} from '@kantor/engine'
import { readSafetensors } from '../checkpoint/safetensors.js'
import { createGame, type Game } from '../game.js'
import { criticStep } from '../step/critic-step.js'
import { nextCoefficients } from '../step/eager-stepper.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import { createObjective } from './index.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const games: Game[] = []
afterEach(() => games.splice(0).forEach((game) => game.dispose()))

const penalised = { kind: 'wgan-gp', lambda: 10, sides: 2 } as const

function start(critic: CriticKind, objective: object = penalised): Game {
  const game = createGame(aSpec({ model: { ...aSpec().model, critic }, objective }), 1)
  games.push(game)
  return game
}

/** f(x) = ⟨slope, x⟩ on 1 × 1 images of two channels; its gradient is `slope` everywhere. */
const linear = (slope: number[] | Tensor) => (imagesNHWC: Tensor4D) =>
  tf.sum(tf.mul(imagesNHWC, Array.isArray(slope) ? tf.tensor1d(slope) : slope), [1, 2, 3]) as Tensor1D

const halfSquare = (imagesNHWC: Tensor4D) => {
  const first = tf.reshape(tf.slice(imagesNHWC, [0, 0, 0, 0], [-1, 1, 1, 1]), [-1])
  return tf.div(tf.mul(first, first), 2) as Tensor1D
}

const draw = (shape: number[], i: number) => tf.randomNormal(shape, 0, 0.5, 'float32', 40 + i)

const termsOf = (score: (imagesNHWC: Tensor4D) => Tensor1D, sides: 1 | 2, real = [1, 2, 3, 4]): number[] =>
  tf.tidy(() => {
    const batch = {
      realNHWC: tf.tensor4d(real, [real.length / 2, 1, 1, 2]),
      fakeNHWC: tf.tensor4d([5, 6, 7, 8, 9, 0], [3, 1, 1, 2]),
      factorsN: tf.mul(tf.ones([real.length / 2]), 0.25) as Tensor1D,
    }
    return createObjective({ ...penalised, sides })
      .criticTerms(score, batch)
      .map((term) => term.dataSync()[0] as number)
  })

describe('the gradient penalty', () => {
  test.each([
    [[3, 4], 16, 16],
    [[0.3, 0.4], 0.25, 0],
    [[0.6, 0.8], 0, 0],
    [[0, 0], 1, 0],
  ] as [[number, number], number, number][])(
    'of a critic with slope %o is %d two-sided and %d one-sided',
    (slope, two, one) => {
      expect(termsOf(linear(slope), 2)[2]).toBeCloseTo(two, 5)
      expect(termsOf(linear(slope), 1)[2]).toBeCloseTo(one, 5)
    },
  )

  test('is taken between the pairs: at ε · real + (1 − ε) · fake, one norm per image', () => {
    // f(x) = x₀² / 2 has the gradient (x₀, 0): x₀ = 0.25 · real + 0.75 · fake is 4 and 6.
    expect(termsOf(halfSquare, 2)[2]).toBeCloseTo((9 + 25) / 2, 4)
    expect(termsOf(halfSquare, 2, [1, 2])[2]).toBeCloseTo(9, 4)
  })

  test('of a critic that is constant has a finite slope, and moves nothing', () => {
    const slope = tf.variable(tf.zeros([2]))
    const { grads } = tf.tidy(() =>
      tf.variableGrads(() => {
        const ones = tf.ones([2, 1, 1, 2]) as Tensor4D
        const batch = { realNHWC: ones, fakeNHWC: ones, factorsN: tf.tensor1d([0.5, 0.5]) }
        const [, , penalty] = createObjective(penalised).criticTerms(linear(slope), batch)
        return (penalty as Tensor).asScalar()
      }, [slope]),
    )
    expect([...(grads[slope.name] as Tensor).dataSync()]).toEqual([0, 0])
    tf.dispose([slope, grads])
  })

  test('has the slope that finite differences give, through convolution, batch norm, tanh and dense', () => {
    tf.tidy(() => {
      const weights = [[3, 3, 2, 3], [3], [3], [12, 1]].map(draw)
      const directions = weights.map(({ shape }, i) => draw(shape, 10 + i))
      const batch = {
        realNHWC: draw([4, 4, 4, 2], 20) as Tensor4D,
        fakeNHWC: draw([4, 4, 4, 2], 21) as Tensor4D,
        factorsN: tf.tensor1d([0.1, 0.4, 0.7, 0.9]),
      }
      const penaltyOf = ([filter, scale, offset, matrix]: Tensor[]): Tensor => {
        const norm = { scale, offset, runningMean: tf.zeros([3]), runningVariance: tf.ones([3]) } as BatchNormState
        const score = (x: Tensor4D) => {
          const options = { epsilon: 1e-2, momentum: 0.1 }
          const { y } = batchNormTraining(convolve(x, filter as Tensor4D, 2, 'same'), norm, options)
          return tf.reshape(tf.matMul(tf.reshape(tanh(y), [4, 12]), matrix as Tensor2D), [4]) as Tensor1D
        }
        return createObjective(penalised).criticTerms(score, batch)[2] as Tensor
      }
      const along = (h: number) => weights.map((weight, i) => tf.add(weight, tf.mul(directions[i] as Tensor, h)))
      const at = (h: number) => penaltyOf(along(h)).dataSync()[0] as number
      const h = 0.02
      const measured = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
      const gradients = tf.grads((...inputs: Tensor[]) => penaltyOf(inputs))(weights)
      const exact = gradients.reduce(
        (sum, gradient, i) => sum + (tf.sum(tf.mul(gradient, directions[i] as Tensor)).dataSync()[0] as number),
        0,
      )
      expect(Math.abs(exact)).toBeGreaterThan(0.05)
      expect(Math.abs(exact - measured) / Math.abs(exact)).toBeLessThan(5e-3)
    })
  })

  test('has a drift term beside it when asked: the mean square of the real scores', () => {
    tf.tidy(() => {
      const objective = createObjective({ ...penalised, drift: 0.001 })
      const batch = {
        realNHWC: tf.tensor4d([1, 2, 3, 4], [2, 1, 1, 2]),
        fakeNHWC: tf.zeros([2, 1, 1, 2]) as Tensor4D,
        factorsN: tf.tensor1d([0.5, 0.5]),
      }
      const terms = objective.criticTerms(linear([1, 1]), batch).map((term) => term.dataSync()[0])
      expect(objective.criticWeights).toEqual([1, -1, 10, 0.001])
      expect(terms[3]).toBe((3 ** 2 + 7 ** 2) / 2)
    })
  })

  test('without interpolation factors is refused', () => {
    const ones = tf.ones([2, 1, 1, 2]) as Tensor4D
    const step = () => createObjective(penalised).criticTerms(linear([1, 1]), { realNHWC: ones, fakeNHWC: ones })
    expect(() => tf.tidy(() => void step())).toThrow('interpolation factors')
    ones.dispose()
  })
})

const play = (game: Game) =>
  tf.tidy(() =>
    criticStep(game, {
      realNHWC: tf.randomUniform([6, 16, 16, 1], -1, 1, 'float32', 4),
      latentNZ: tf.randomNormal([8, 4], 0, 1, 'float32', 3) as Tensor2D,
      factorsN: tf.linspace(0, 1, 6),
      coefficients: nextCoefficients(game.critic.optimizer),
    }).dataSync(),
  )

const same = (a?: Tensor, b?: Tensor) => Buffer.compare(bytesOf(a), bytesOf(b)) === 0
const bytesOf = (tensor?: Tensor) => Buffer.from([...(tensor?.dataSync() ?? [])].join())

const trained = ({ critic }: Game) => critic.trained.map(({ variable }) => variable.clone())

describe.each(CriticKind.options)('a critic step under the penalty, critic %s', (critic) => {
  test('moves every weight and clamps none', () => {
    const game = start(critic)
    const before = trained(game)
    expect(play(game)).toHaveLength(3)
    const after = trained(game)
    game.critic.trained.forEach(({ parameter }, i) => {
      // An offset of all scores is in neither the difference nor the penalty.
      const moves = !['main.6.bias', 'output.bias'].includes(parameter.name)
      expect([parameter.name, !same(before[i], after[i])]).toEqual([parameter.name, moves])
    })
    tf.dispose([...before, ...after])
  })
})

describe('a run under the penalty', () => {
  const options = { spec: aSpec({ objective: penalised, optimizer: { kind: 'adam' } }), images: someImages() }

  test('resumes to the bit, its interpolation factors drawn anew from the counter', async () => {
    const whole = await collect(options)
    const half = await collect({ ...options, stopAfter: 6 })
    const resumed = await collect({ ...options, resume: lastCheckpoint(half) })
    expect(Buffer.compare(lastCheckpoint(resumed), lastCheckpoint(whole))).toBe(0)
  })

  test('counts the penalty’s pass through the critic’s batch norm, as PyTorch does', async () => {
    const { tensors, metadata } = readSafetensors(lastCheckpoint(await collect({ ...options, stopAfter: 2 })))
    const { step, criticStep: criticSteps } = JSON.parse(metadata['state'] ?? '{}') as Record<string, number>
    const [, count] = [...tensors].find(([name]) => /^netD.*num_batches_tracked$/.test(name)) ?? []
    const view = new DataView(new Uint8Array(count?.bytes ?? []).buffer)
    expect(view.getBigInt64(0, true)).toBe(BigInt(3 * (criticSteps as number) + (step as number)))
  })

  test('has the penalty in the critic’s loss and not in the estimate', async () => {
    const points = only(await collect(options), 'point')
    for (const { point } of points) {
      const [estimate, loss, , real, fake] = point.values as unknown as [number, number, number, number, number]
      expect(estimate).toBe(Math.fround(fake - real))
      // A norm far below 1 costs λ = 10 at most, and some.
      expect(loss + estimate).toBeGreaterThan(0.01)
      expect(loss + estimate).toBeLessThan(10.1)
    }
    expect(points).toHaveLength(12)
  })
})
