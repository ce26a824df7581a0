import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { loadTensorFlow, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { createGame, type Game } from '../game.js'
import type { Player } from '../player.js'
import { aSpec } from '../testing/runs.js'
import { criticStep } from './critic-step.js'
import { generatorStep } from './generator-step.js'
import { nextCoefficients } from './eager-stepper.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

let game: Game
const objective = { kind: 'wgan-clip', clip: 0.01, clamp: 'before', clipBatchNorm: true }
const start = (changes = {}) => createGame(aSpec({ objective: { ...objective, ...changes } }), 1)

beforeEach(() => {
  game = start()
})
afterEach(() => game.dispose())

const latentNZ = () => tf.randomNormal([8, 4], 0, 1, 'float32', 3) as Tensor2D
const realNHWC = () => tf.randomUniform([6, 16, 16, 1], -1, 1, 'float32', 4) as Tensor4D

const playCritic = (on = game) =>
  tf.tidy(() => {
    const coefficients = nextCoefficients(on.critic.optimizer)
    return criticStep(on, { realNHWC: realNHWC(), latentNZ: latentNZ(), coefficients }).dataSync()
  })
const playGenerator = () =>
  tf.tidy(() => {
    const coefficients = nextCoefficients(game.generator.optimizer)
    return generatorStep(game, { latentNZ: latentNZ(), coefficients }).dataSync()
  })

const values = ({ weights }: Player, roles: string[]) =>
  weights
    .filter(({ parameter }) => roles.includes(parameter.role))
    .map(({ parameter, variable }) => [parameter.name, [...variable.dataSync()]])

const trained = ['weight', 'batch-norm']

describe('a critic step', () => {
  test('moves the critic’s weights and both networks’ running statistics, and nothing else', () => {
    const before = { G: values(game.generator, trained), D: values(game.critic, trained) }
    const statistics = { G: values(game.generator, ['running']), D: values(game.critic, ['running']) }
    expect(playCritic()).toHaveLength(2)
    expect(values(game.generator, trained)).toEqual(before.G)
    expect(values(game.critic, trained)).not.toEqual(before.D)
    expect(values(game.generator, ['running'])).not.toEqual(statistics.G)
    expect(values(game.critic, ['running'])).not.toEqual(statistics.D)
  })

  test('clamps before the update: weights end within c and RMSProp’s first step of 10 · lr', () => {
    playCritic()
    const largest = Math.max(
      ...values(game.critic, trained).flatMap(([, numbers]) => (numbers as number[]).map(Math.abs)),
    )
    expect(largest).toBeGreaterThan(0.01)
    expect(largest).toBeLessThanOrEqual(0.01 + 5.01e-4)
  })

  test('clamps after the update when the spec says so: weights end in the box', () => {
    const after = start({ clamp: 'after' })
    playCritic(after)
    const numbers = values(after.critic, trained).flatMap(([, list]) => list as number[])
    expect(Math.max(...numbers.map(Math.abs))).toBe(Math.fround(0.01))
    after.dispose()
  })

  test('leaves batch-norm scales free when the spec says so', () => {
    const free = start({ clipBatchNorm: false })
    playCritic(free)
    const scales = values(free.critic, ['batch-norm']).filter(([name]) => String(name).endsWith('weight'))
    expect(Math.min(...scales.flatMap(([, list]) => list as number[]))).toBeGreaterThan(0.5)
    free.dispose()
  })
})

test('a generator step moves the generator’s weights and both networks’ running statistics, and nothing else', () => {
  const before = { G: values(game.generator, trained), D: values(game.critic, trained) }
  const statistics = values(game.critic, ['running'])
  expect(playGenerator()).toHaveLength(1)
  expect(values(game.generator, trained)).not.toEqual(before.G)
  expect(values(game.critic, trained)).toEqual(before.D)
  expect(values(game.critic, ['running'])).not.toEqual(statistics)
})

const numbersOf = (player: Player, name: string) =>
  [...(player.weights.find(({ parameter }) => parameter.name === name)?.variable.dataSync() ?? [])] as number[]
const deviation = (list: number[]) => Math.sqrt(list.reduce((sum, x) => sum + x * x, 0) / list.length)

test('weights start as the authors’: N(0, 0.02), scales N(1, 0.02), Linear U(±1/√fan_in)', () => {
  const wide = createGame(
    aSpec({ model: { ...aSpec().model, generatorFilters: 64, critic: 'mlp', criticFilters: 64 } }),
    1,
  )
  expect(deviation(numbersOf(wide.generator, 'main.pyramid:128-64:convt.weight'))).toBeCloseTo(0.02, 3)
  expect(deviation(numbersOf(wide.generator, 'main.initial:128:batchnorm.weight').map((x) => x - 1))).toBeCloseTo(
    0.02,
    2,
  )
  const linear = numbersOf(wide.critic, 'main.0.weight')
  expect(Math.max(...linear.map(Math.abs))).toBeLessThanOrEqual(1 / 16)
  expect(deviation(linear)).toBeCloseTo(1 / 16 / Math.sqrt(3), 3)
  expect(numbersOf(wide.critic, 'main.2.bias').some((x) => x !== 0)).toBe(true)
  wide.dispose()
})
