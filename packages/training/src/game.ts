import type { JobSpec } from '@kantor/contracts'
import { type Tensor1D, tf } from '@kantor/engine'
import { buildNetworks } from './architectures/index.js'
import { type Average, createAverage } from './average.js'
import { createObjective } from './objectives/index.js'
import type { Objective } from './objectives/objective.js'
import { createOptimizer } from './optimizers.js'
import { createPlayer, type Player } from './player.js'

/** Both players and the objective they play for. */
export interface Game {
  generator: Player
  critic: Player
  /** The generator's running mean, where the spec asks for one. */
  average: Average | null
  objective: Objective
  /** How many classes the networks are conditional on. */
  classes?: number | undefined
  /** The objective's weights on the device. */
  criticWeights: Tensor1D
  generatorWeights: Tensor1D
  dispose(): void
}

/** The parts of a spec that a game is made of. */
export type GameSpec = Pick<JobSpec, 'model' | 'objective' | 'optimizer' | 'generatorAverage' | 'seed'>

/** Networks with initial weights from the spec's seed. Costs the weights and their optimizer slots in device memory. */
export function createGame(spec: GameSpec, channels: number): Game {
  const networks = buildNetworks(spec.model, channels)
  const { seed, optimizer } = spec
  const generator = createPlayer(networks.generator, {
    seed,
    index: 0,
    createOptimizer: (variables) => createOptimizer(optimizer, variables, optimizer.generatorLearningRate),
  })
  const critic = createPlayer(networks.critic, {
    seed,
    index: 1,
    createOptimizer: (variables) => createOptimizer(optimizer, variables, optimizer.criticLearningRate),
  })
  const average = spec.generatorAverage ? createAverage(networks.generator, generator, spec.generatorAverage) : null
  const objective = createObjective(spec.objective)
  const criticWeights = tf.tensor1d([...objective.criticWeights], 'float32')
  const generatorWeights = tf.tensor1d([1], 'float32')
  return {
    generator,
    critic,
    average,
    objective,
    classes: spec.model.classes,
    criticWeights,
    generatorWeights,
    dispose() {
      generator.dispose()
      critic.dispose()
      average?.dispose()
      tf.dispose([criticWeights, generatorWeights])
    },
  }
}
