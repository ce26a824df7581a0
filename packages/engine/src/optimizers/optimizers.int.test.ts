import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  applyGradients,
  createAdam,
  createRmsProp,
  loadTensorFlow,
  type Optimizer,
  type Variable,
  tf,
} from '../index.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

/** Gradients of very different sizes: where ε stands decides the small ones. */
const gradientAt = (t: number) => [1e-9 * (t + 1), -1e-6, 0.01 * Math.cos(t), 3]
const start = [0.5, -0.25, 1, 0]
const numSteps = 6

/** PyTorch's formulas in double precision. */
const references: Record<string, (learningRate: number) => number[]> = {
  rmsprop(learningRate) {
    const [weights, average] = [[...start], [0, 0, 0, 0]]
    for (let t = 0; t < numSteps; t++) {
      gradientAt(t).forEach((g, i) => {
        average[i] = 0.99 * (average[i] as number) + 0.01 * g * g
        weights[i] = (weights[i] as number) - (learningRate * g) / (Math.sqrt(average[i] as number) + 1e-8)
      })
    }
    return weights
  },
  adam(learningRate) {
    const [weights, m, v] = [[...start], [0, 0, 0, 0], [0, 0, 0, 0]]
    for (let t = 1; t <= numSteps; t++) {
      gradientAt(t - 1).forEach((g, i) => {
        m[i] = 0.5 * (m[i] as number) + 0.5 * g
        v[i] = 0.999 * (v[i] as number) + 0.001 * g * g
        const denominator = Math.sqrt(v[i] as number) / Math.sqrt(1 - 0.999 ** t) + 1e-8
        weights[i] = (weights[i] as number) - ((learningRate / (1 - 0.5 ** t)) * (m[i] as number)) / denominator
      })
    }
    return weights
  },
}

const create: Record<string, (variables: Variable[], learningRate: number) => Optimizer> = {
  rmsprop: (variables, learningRate) => createRmsProp(variables, { learningRate }),
  adam: (variables, learningRate) => createAdam(variables, { learningRate, beta1: 0.5, beta2: 0.999 }),
}

function step(optimizer: Optimizer, t: number): void {
  tf.tidy(() => applyGradients(optimizer, [tf.tensor1d(gradientAt(t))]))
}

describe.each(Object.keys(create))('%s', (kind) => {
  const make = create[kind] as (typeof create)[string]

  test('moves weights as PyTorch’s formula says, also for gradients near ε', () => {
    const weights = tf.variable(tf.tensor1d(start))
    const optimizer = make([weights], 1e-3)
    for (let t = 0; t < numSteps; t++) step(optimizer, t)
    const expected = references[kind]?.(1e-3) ?? []
    // Six roundings of a float32 near 0.5. With ε inside the root the first weight would not move by 1e-5.
    for (const [i, value] of weights.dataSync().entries()) {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(3e-7)
      expect(Math.abs(value - (start[i] as number))).toBeGreaterThan(1e-5)
    }
    optimizer.dispose()
    weights.dispose()
  })

  test('restored from slots and step count goes on to the bit; cold it does not', () => {
    const weights = tf.variable(tf.tensor1d(start))
    const whole = make([weights], 1e-3)
    for (let t = 0; t < 3; t++) step(whole, t)
    const copies = [true, false].map((warm) => {
      const copy = tf.variable(weights.clone())
      const optimizer = make([copy], 1e-3)
      if (warm) {
        optimizer.steps = whole.steps
        whole.slots.forEach((slot, s) => optimizer.slots[s]?.values[0]?.assign((slot.values[0] as Variable).clone()))
      }
      for (let t = 3; t < numSteps; t++) step(optimizer, t)
      return copy.dataSync()
    })
    for (let t = 3; t < numSteps; t++) step(whole, t)
    expect(copies[0]).toEqual(weights.dataSync())
    expect(copies[1]).not.toEqual(weights.dataSync())
  })

  test('leaks no tensor', () => {
    const weights = tf.variable(tf.tensor1d(start))
    const before = tf.memory().numTensors
    const optimizer = make([weights], 1e-3)
    step(optimizer, 0)
    const burnedIn = tf.memory().numTensors
    for (let t = 1; t < 5; t++) step(optimizer, t)
    expect(tf.memory().numTensors).toBe(burnedIn)
    optimizer.dispose()
    expect(tf.memory().numTensors).toBe(before)
    weights.dispose()
  })
})

test('RMSProp’s first step is 10 · lr · sign(g), as the square average starts at zero', () => {
  const weights = tf.variable(tf.tensor1d([0, 0]))
  const optimizer = createRmsProp([weights], { learningRate: 5e-5 })
  tf.tidy(() => applyGradients(optimizer, [tf.tensor1d([1e-4, -2])]))
  const [a, b] = weights.dataSync()
  expect(a).toBeCloseTo(-5e-4, 6)
  expect(b).toBeCloseTo(5e-4, 6)
})
