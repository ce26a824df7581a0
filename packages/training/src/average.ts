import { type Tensor, tf, type Variable } from '@kantor/engine'
import type { BatchNormMode, Given, Layer } from './architectures/layer.js'
import type { Player } from './player.js'

/** A network of its own whose weights follow a player's. */
export interface Average extends Pick<Player, 'weights'> {
  forward(x: Tensor, batchNorm: Exclude<BatchNormMode, 'train'>, given?: Given): Tensor
  /** After the player's update; tensor code only. */
  follow(): void
  /** Takes the player's weights as they are. */
  begin(): void
  dispose(): void
}

/** w̄ ← decay · w̄ + (1 − decay) · w; running statistics are taken over as they are. Begins as the player is. */
export function createAverage(network: Layer, player: Player, { decay }: { decay: number }): Average {
  const weights = player.weights.map(({ parameter, variable }) => ({
    parameter,
    variable: tf.tidy(() => tf.variable(tf.clone(variable), false)),
  }))
  const byName = new Map<string, Variable>(weights.map(({ parameter, variable }) => [parameter.name, variable]))
  const [kept, taken] = [tf.scalar(decay), tf.scalar(1 - decay)]
  return {
    weights,
    forward: (x, batchNorm, given) =>
      network.apply(x, { variable: (name) => byName.get(name) as Variable, batchNorm, ...given }),
    follow() {
      for (const [i, { parameter, variable }] of weights.entries()) {
        const now = player.weights[i]!.variable
        const next = parameter.role === 'running' ? tf.clone(now) : tf.add(tf.mul(variable, kept), tf.mul(now, taken))
        variable.assign(next as Tensor)
      }
    },
    begin() {
      tf.tidy(() => weights.forEach(({ variable }, i) => variable.assign(tf.clone(player.weights[i]!.variable))))
    },
    dispose: () => tf.dispose([...weights.map(({ variable }) => variable), kept, taken]),
  }
}
