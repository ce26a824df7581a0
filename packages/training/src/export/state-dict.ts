import { NETWORK_KEY } from '@kantor/contracts'
import { GENERATOR } from '../checkpoint/checkpoint.js'
import type { ChosenGenerator } from '../checkpoint/chosen-generator.js'
import { type StoredTensor, writeSafetensors } from '../checkpoint/safetensors.js'
import type { ExportedFile } from './exported-network.js'

/** The state_dict of the authors' class, running statistics included: `load_state_dict(load_file('generator.safetensors'))`. */
export function stateDict({ file, prefix }: ChosenGenerator): ExportedFile[] {
  // A running mean counts no batches of its own, and a strict `load_state_dict` asks for the count.
  const prefixOf = (name: string) =>
    [prefix, ...(name.endsWith('.num_batches_tracked') ? [GENERATOR] : [])].find((one) => name.startsWith(one))
  const tensors = [...file.tensors].flatMap(([name, tensor]): [string, StoredTensor][] => {
    const begin = prefixOf(name)
    return begin === undefined ? [] : [[name.slice(begin.length), tensor]]
  })
  // What the reference implementation writes for PyTorch, and what an upload of it is to say.
  const metadata = { format: 'pt', [NETWORK_KEY]: 'generator' }
  return [{ name: 'generator.safetensors', bytes: writeSafetensors(tensors, metadata) }]
}
