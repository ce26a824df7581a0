// Not from @kantor/training itself: TensorFlow must not be loaded beside sharp.
import { readSafetensors, type StoredTensor } from '@kantor/training/safetensors'

interface Linear {
  /** PyTorch's [to, from], row by row. */
  matrix: Float32Array
  offset: Float32Array
}

/** A ReLU MLP as a checkpoint holds it. */
export interface Mlp {
  readonly forward: (x: ArrayLike<number>) => Float64Array
}

/** The weights of a checkpoint whose names begin with `prefix` (`netG.` or `netD.`), as numbers. */
export function weightsIn(checkpoint: Uint8Array, prefix: string): Map<string, Float32Array> {
  const { tensors } = readSafetensors(checkpoint)
  const found = [...tensors].filter(([name, { dtype }]) => name.startsWith(prefix) && dtype === 'F32')
  return new Map(found.map(([name, tensor]) => [name.slice(prefix.length), floats(tensor)]))
}

// A copy: the tensor's bytes need not lie at a multiple of four.
const floats = ({ bytes }: StoredTensor): Float32Array => new Float32Array(bytes.slice().buffer)

export function readMlp(checkpoint: Uint8Array, prefix: 'netG.' | 'netD.'): Mlp {
  const weights = weightsIn(checkpoint, prefix)
  const layers = [0, 2, 4, 6].map((i): Linear => {
    const [matrix, offset] = [weights.get(`main.${i}.weight`), weights.get(`main.${i}.bias`)]
    if (!matrix || !offset) throw new Error(`the checkpoint holds no MLP under ${prefix}main.${i}`)
    return { matrix, offset }
  })
  return {
    forward: (x) =>
      layers.reduce((input: Float64Array, layer, i) => {
        const output = apply(layer, input)
        return i < layers.length - 1 ? output.map((value) => Math.max(0, value)) : output
      }, Float64Array.from(x)),
  }
}

function apply({ matrix, offset }: Linear, x: Float64Array): Float64Array {
  const output = Float64Array.from(offset)
  for (let i = 0, at = 0; i < output.length; i++) {
    let sum = output[i] as number
    for (let j = 0; j < x.length; j++) sum += (matrix[at++] as number) * (x[j] as number)
    output[i] = sum
  }
  return output
}
