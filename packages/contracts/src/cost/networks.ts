import type { Model } from '../architectures.js'
import { critics } from './critics.js'
import { generators } from './generators.js'
import type { LayerCost } from './layers.js'

/** A whole network. */
export type NetworkCost = Omit<LayerCost, 'times'>

function total(layers: readonly LayerCost[]): NetworkCost {
  const sum = (of: keyof NetworkCost) => layers.reduce((all, layer) => all + layer[of] * layer.times, 0)
  return {
    weights: sum('weights'),
    statistics: sum('statistics'),
    operations: sum('operations'),
    outputs: sum('outputs'),
  }
}

/** What the two networks of a model cost; operations and outputs per image. `imageSize` must be 16 · 2^k. */
export function networkCosts(model: Model, channels: number): { generator: NetworkCost; critic: NetworkCost } {
  const { imageSize, extraLayers, latentSize, classes } = model
  const shared = { imageSize, channels, extraLayers, classes }
  return {
    generator: total(generators[model.generator]({ ...shared, latentSize, filters: model.generatorFilters })),
    critic: total(critics[model.critic]({ ...shared, filters: model.criticFilters })),
  }
}
