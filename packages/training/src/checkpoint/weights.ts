import { type Tensor, tf } from '@kantor/engine'
import { fromTorch, type Parameter, toTorch } from '../architectures/parameter.js'
import type { Player } from '../player.js'
import { float32Tensor, float32Values, type SafetensorsFile, type StoredTensor } from './safetensors.js'

type Entry = [string, StoredTensor]

/** Values of a device tensor in PyTorch's order. A device sync. */
export const readTorch = (tensor: Tensor, { layout }: Parameter): Float32Array =>
  toTorch(tensor.dataSync<'float32'>(), layout)

/** Weights and running statistics under `${prefix}${the authors' name}`, PyTorch's layout. */
export const storedWeights = (player: Pick<Player, 'weights'>, prefix: string): Entry[] =>
  player.weights.map(({ parameter, variable }) => [
    `${prefix}${parameter.name}`,
    float32Tensor(readTorch(variable, parameter), parameter.torchShape),
  ])

/** Optimizer slots under `${prefix}${slot}.${the authors' name}`, laid out as the weight they belong to. */
export const storedSlots = (player: Player, prefix: string): Entry[] =>
  player.optimizer.slots.flatMap(({ name, values }) =>
    player.trained.map(({ parameter }, i): Entry => {
      const slot = values[i] as Tensor
      return [`${prefix}${name}.${parameter.name}`, float32Tensor(readTorch(slot, parameter), parameter.torchShape)]
    }),
  )

/** @throws SafetensorsError naming the first tensor that is missing or has another shape. */
export function loadWeights(player: Pick<Player, 'weights'>, file: SafetensorsFile, prefix: string): void {
  for (const { parameter, variable } of player.weights) assign(variable, parameter, file, `${prefix}${parameter.name}`)
}

export function loadSlots(player: Player, file: SafetensorsFile, prefix: string): void {
  for (const { name, values } of player.optimizer.slots) {
    player.trained.forEach(({ parameter }, i) => {
      const slot = values[i]
      if (slot) assign(slot, parameter, file, `${prefix}${name}.${parameter.name}`)
    })
  }
}

function assign(
  variable: Player['weights'][number]['variable'],
  parameter: Parameter,
  file: SafetensorsFile,
  name: string,
): void {
  const values = fromTorch(float32Values(file, name, parameter.torchShape), parameter.layout)
  tf.tidy(() => variable.assign(tf.tensor(values, [...parameter.layout.shape], 'float32')))
}
