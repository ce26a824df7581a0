import { createHash } from 'node:crypto'

/**
 * sha256 (hex) over names, shapes and bytes of a safetensors file's tensors: weights, running statistics and the optimizers' state.
 * The metadata is left out, since times and host names differ between equal runs.
 */
export function weightsHash(file: Uint8Array): string {
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + headerBytes)).toString()) as Record<string, unknown>
  delete header['__metadata__']
  return createHash('sha256')
    .update(JSON.stringify(header))
    .update(file.subarray(8 + headerBytes))
    .digest('hex')
}
