import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow, randomUniform, seedPair, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { critics } from '../architectures/index.js'
import type { Layer } from '../architectures/layer.js'
import type { Game } from '../game.js'
import { drawFactors } from '../latents.js'
import { createOptimizer } from '../optimizers.js'
import { createPlayer } from '../player.js'
import { criticStep } from '../step/critic-step.js'
import { nextCoefficients } from '../step/eager-stepper.js'
import { createObjective } from './index.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

// The real points lie on a segment, the generated ones on its copy θ to the right. Between them the best critic under a
// gradient penalty is linear with slope g = 1 + θ / 2λ, the maximum of gθ − λ(g − 1)²: the estimate is θ(1 + θ / 2λ), less
// the penalty θ + θ² / 4λ. One- and two-sided agree, since g > 1. Widths, rates and steps: the smallest that settle.

const batchSize = 64
const seed = 3
const numSteps = 200
const numAveraged = 50
const optimizer = {
  kind: 'adam',
  criticLearningRate: 2e-3,
  generatorLearningRate: 2e-3,
  beta1: 0.5,
  beta2: 0.9,
} as const

interface Penalty {
  lambda: number
  sides: 1 | 2
}

const player = (network: Layer, index: number) =>
  createPlayer(network, {
    seed,
    index,
    createOptimizer: (variables) => createOptimizer(optimizer, variables, optimizer.criticLearningRate),
  })

/** Points of the plane are 1 × 1 images with two channels. */
function lines(theta: number, penalty: Penalty): Game {
  const translation: Layer = {
    parameters: [],
    apply: (pointsN2) => tf.reshape(tf.add(pointsN2, tf.tensor1d([theta, 0])), [-1, 1, 1, 2]),
  }
  const generator = player(translation, 0)
  const critic = player(critics.mlp({ imageSize: 1, channels: 2, filters: 32, extraLayers: 0 }), 1)
  const objective = createObjective({ kind: 'wgan-gp', ...penalty })
  const criticWeights = tf.tensor1d([...objective.criticWeights])
  const generatorWeights = tf.tensor1d([1])
  return {
    generator,
    critic,
    average: null,
    objective,
    criticWeights,
    generatorWeights,
    dispose() {
      generator.dispose()
      critic.dispose()
      tf.dispose([criticWeights, generatorWeights])
    },
  }
}

/** (0, t) with t uniform: the real and the generated batch are drawn apart. */
const segment = (draw: number): Tensor2D => {
  const heights = randomUniform<Tensor2D>([batchSize, 1], tf.tensor1d(seedPair(seed, 'criticLatent', draw), 'int32'))
  return tf.concat([tf.zeros([batchSize, 1]) as Tensor2D, heights], 1)
}

/** Estimate, and estimate less λ · penalty, averaged over the last steps. */
function learn(theta: number, penalty: Penalty): { estimate: number; objective: number } {
  const game = lines(theta, penalty)
  const mean = { estimate: 0, objective: 0 }
  for (let step = 0; step < numSteps; step++) {
    const [real, fake, excess] = tf.tidy(() =>
      criticStep(game, {
        realNHWC: tf.reshape(segment(2 * step), [batchSize, 1, 1, 2]) as Tensor4D,
        latentNZ: segment(2 * step + 1),
        factorsN: drawFactors(batchSize, seed, step),
        coefficients: nextCoefficients(game.critic.optimizer),
      }).dataSync<'float32'>(),
    ) as unknown as [number, number, number]
    game.critic.optimizer.steps += 1
    if (step < numSteps - numAveraged) continue
    mean.estimate += (fake - real) / numAveraged
    mean.objective += (fake - real - penalty.lambda * excess) / numAveraged
  }
  game.dispose()
  return mean
}

describe('a critic under a gradient penalty learns the exact estimate between two lines', () => {
  test.each([
    [2, { lambda: 10, sides: 2 }],
    [1, { lambda: 0.1, sides: 2 }],
    [1, { lambda: 1, sides: 1 }],
  ] as [number, Penalty][])('θ = %d, %o', (theta, penalty) => {
    const { estimate, objective } = learn(theta, penalty)
    expect(Math.abs(estimate / (theta * (1 + theta / (2 * penalty.lambda))) - 1)).toBeLessThan(0.01)
    expect(Math.abs(objective / (theta + theta ** 2 / (4 * penalty.lambda)) - 1)).toBeLessThan(0.01)
  })
})
