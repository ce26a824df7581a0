import { type Optimizer, randomNormal, randomUniform, seedPair, type Tensor, tf, type Variable } from '@kantor/engine'
import type { BatchNormMode, Given, Layer } from './architectures/layer.js'
import type { Parameter } from './architectures/parameter.js'

interface Weight {
  parameter: Parameter
  variable: Variable
}

/** A network with its weights: the generator or the critic of a run. */
export interface Player {
  /** Every parameter in PyTorch's order, running statistics included. */
  weights: readonly Weight[]
  /** Those that the optimizer moves. */
  trained: readonly Weight[]
  optimizer: Optimizer
  forward(x: Tensor, batchNorm: BatchNormMode, given?: Given): Tensor
  /** The most by which it can lengthen the difference of two inputs, or somewhat more, as a scalar; absent where its weights do not tell. */
  lipschitz?: (() => Tensor) | undefined
  dispose(): void
}

export interface PlayerOptions {
  seed: number
  /** Tells the initial weights of the generator (0) and the critic (1) apart. */
  index: number
  createOptimizer: (variables: readonly Variable[]) => Optimizer
}

export function createPlayer(network: Layer, { seed, index, createOptimizer }: PlayerOptions): Player {
  const weights = network.parameters.map((parameter, i) => ({
    parameter,
    variable: initial(parameter, seed, index, i),
  }))
  const byName = new Map(weights.map(({ parameter, variable }) => [parameter.name, variable]))
  const trained = weights.filter(({ parameter }) => parameter.role !== 'running')
  const optimizer = createOptimizer(trained.map(({ variable }) => variable))
  const variable = (name: string): Variable => {
    const found = byName.get(name)
    if (!found) throw new Error(`the network has no parameter ${name}`)
    return found
  }
  return {
    weights,
    trained,
    optimizer,
    forward: (x, batchNorm, given) => network.apply(x, { variable, batchNorm, ...given }),
    lipschitz: network.lipschitz && (() => network.lipschitz!({ variable, batchNorm: 'batch' })),
    dispose() {
      optimizer.dispose()
      tf.dispose(weights.map((weight) => weight.variable))
    },
  }
}

function initial({ init, layout, role }: Parameter, seed: number, index: number, i: number): Variable {
  const shape = [...layout.shape]
  return tf.tidy(() => {
    const draw = tf.tensor1d(seedPair(seed, 'init', index, i), 'int32')
    const values = () => {
      if (init.kind === 'constant') return tf.add(tf.zeros(shape), init.value)
      if (init.kind === 'normal') return tf.add(tf.mul(randomNormal(shape, draw), init.deviation), init.mean)
      return tf.mul(tf.sub(tf.mul(randomUniform(shape, draw), 2), 1), init.bound)
    }
    return tf.variable(values(), role !== 'running')
  })
}
