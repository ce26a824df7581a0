import type { Optimizer as OptimizerSpec, OptimizerKind } from '@kantor/contracts'
import { createAdam, createRmsProp, type Optimizer, type Variable } from '@kantor/engine'

type Create<K extends OptimizerKind> = (
  spec: Extract<OptimizerSpec, { kind: K }>,
  variables: readonly Variable[],
  learningRate: number,
) => Optimizer

const optimizers = {
  rmsprop: (_spec, variables, learningRate) => createRmsProp(variables, { learningRate }),
  adam: ({ beta1, beta2 }, variables, learningRate) => createAdam(variables, { learningRate, beta1, beta2 }),
} satisfies { [K in OptimizerKind]: Create<K> }

export function createOptimizer(spec: OptimizerSpec, variables: readonly Variable[], learningRate: number): Optimizer {
  const create = optimizers[spec.kind] as Create<OptimizerKind>
  return create(spec, variables, learningRate)
}
