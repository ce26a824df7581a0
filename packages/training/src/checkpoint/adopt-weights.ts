import { NETWORK_KEY } from '@kantor/contracts'
import type { Game } from '../game.js'
import { CheckpointError, CRITIC, GENERATOR, playersOf } from './checkpoint.js'
import { readSafetensors, type SafetensorsFile, SafetensorsError } from './safetensors.js'
import { loadWeights } from './weights.js'

/**
 * Puts weights of others into `game`: a state_dict of the authors' class after `netG.`, `netD.`, or both, or without either where the file's
 * metadata names the network. A network that the file lacks keeps what it was drawn with, and one that is there must be whole. Optimizers start anew.
 * @throws CheckpointError naming the first tensor that is missing, too much, or of another shape.
 */
export function adoptWeights(bytes: Uint8Array, game: Game): void {
  const file = prefixed(readSafetensors(bytes))
  for (const { player, weights: prefix } of playersOf(game)) {
    const names = [...file.tensors.keys()].filter((name) => name.startsWith(prefix))
    if (names.length === 0) continue
    const known = new Set(player.weights.map(({ parameter }) => `${prefix}${parameter.name}`))
    try {
      loadWeights(player, file, prefix)
    } catch (error) {
      throw error instanceof SafetensorsError ? misfit(error.message) : error
    }
    const further = names.find((name) => !known.has(name) && !name.endsWith('.num_batches_tracked'))
    if (further !== undefined) throw misfit(`tensor ${further} is of no layer of this job's network`)
  }
  game.average?.begin()
}

const prefixes = new Map(Object.entries({ generator: GENERATOR, critic: CRITIC }))

/** An exported state_dict under the names that a checkpoint has for it. */
function prefixed({ tensors, metadata }: SafetensorsFile): SafetensorsFile {
  const prefix = prefixes.get(metadata[NETWORK_KEY] ?? '') ?? ''
  return { metadata, tensors: new Map([...tensors].map(([name, tensor]) => [`${prefix}${name}`, tensor])) }
}

const misfit = (what: string) =>
  new CheckpointError(
    `the weights do not fit: ${what}. Set spec.model, and a dataset with as many channels, to the network that they are of`,
  )
