import { open } from 'node:fs/promises'
import { type FieldError, NETWORK_KEY, type Weights } from '@kantor/contracts'
import { readLayout, type TensorEntry } from '../archive/safetensors-header.js'

const CHUNK_BYTES = 2 ** 20
const MAX_ERRORS = 20

const bothNetworks = ['generator', 'critic'] as const
const prefixes = { generator: 'netG.', critic: 'netD.' } as const
/** PyTorch's counts of batches: kept by checkpoints, looked at by nobody. */
const isCount = (name: string) => name.endsWith('.num_batches_tracked')
/** What a checkpoint holds beside its networks; it does not come along. */
const isBeside = (name: string) => /^(optimizer[GD]|netG_ema)\./.test(name)

/**
 * What an uploaded file holds, by its names, or by its metadata where they have no prefix; or all that keeps jobs from starting with it: another format, names without a network, numbers of another
 * type or not finite. Whether names and shapes are those of a job's networks is seen when it starts.
 */
export async function inspectWeights(path: string): Promise<{ networks: Weights['networks']; errors: FieldError[] }> {
  const { fault, tensors, metadata } = await readLayout(path)
  if (fault !== undefined) {
    const hint =
      'safetensors.torch.save_file writes one; a .pth file is a pickle, which nobody should open for a stranger'
    const error = { pointer: '', code: 'invalid', message: `is no safetensors file: ${fault}`, hint } as const
    return { networks: [], errors: [error] }
  }
  const named = bothNetworks.find((network) => network === metadata[NETWORK_KEY])
  if (named !== undefined && tensors.length > 0)
    return { networks: [named], errors: await allFaults(path, tensors, numberFaultOf) }
  const networks = bothNetworks.filter((network) => tensors.some(({ name }) => name.startsWith(prefixes[network])))
  const used = tensors.filter(({ name }) => !isBeside(name))
  if (networks.length === 0) {
    const message = used[0] ? `holds no network: its first name is ${used[0].name.slice(0, 100)}` : 'holds no tensor'
    return { networks, errors: [{ pointer: '', code: 'required', message, hint: namesHint }] }
  }
  return { networks, errors: await allFaults(path, used, faultOf) }
}

async function allFaults(
  path: string,
  tensors: readonly TensorEntry[],
  faultsOf: (tensor: TensorEntry) => FieldError[],
): Promise<FieldError[]> {
  const errors = tensors.flatMap(faultsOf)
  if (errors.length === 0) errors.push(...(await nonFinite(path, tensors)))
  return errors.slice(0, MAX_ERRORS)
}

const namesHint = "the authors' state_dict names after netG. or netD., as in netG.main.initial:100-512:convt.weight"

const pointerTo = (name: string) => `/${name.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`

function faultOf(tensor: TensorEntry): FieldError[] {
  if (Object.values(prefixes).some((prefix) => tensor.name.startsWith(prefix))) return numberFaultOf(tensor)
  return [{ pointer: pointerTo(tensor.name), code: 'unknown-property', message: 'is of no network', hint: namesHint }]
}

function numberFaultOf({ name, dtype }: TensorEntry): FieldError[] {
  const pointer = pointerTo(name)
  if (dtype === 'F32' || isCount(name)) return []
  return [
    { pointer, code: 'wrong-type', message: `is ${dtype}, and weights are F32`, hint: 'tensor.float() converts it' },
  ]
}

async function nonFinite(path: string, tensors: readonly TensorEntry[]): Promise<FieldError[]> {
  const errors: FieldError[] = []
  const file = await open(path)
  try {
    const chunk = new Uint8Array(CHUNK_BYTES)
    for (const { name, begin, end } of tensors) {
      if (isCount(name)) continue
      for (let at = begin; at < end; at += CHUNK_BYTES) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK_BYTES, end - at), at)
        const bad = new Float32Array(chunk.buffer, 0, bytesRead / 4).findIndex((value) => !Number.isFinite(value))
        if (bad < 0) continue
        const index = (at - begin) / 4 + bad
        const message = `has a number that is not finite, at ${index}`
        errors.push({
          pointer: pointerTo(name),
          code: 'invalid',
          message,
          hint: 'take weights of before the training diverged',
        })
        break
      }
    }
  } finally {
    await file.close()
  }
  return errors
}
