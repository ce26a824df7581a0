import { buildNetworks } from '../architectures/index.js'
import type { Operation } from '../architectures/operation.js'
import { fromTorch, type Parameter } from '../architectures/parameter.js'
import { CheckpointError } from '../checkpoint/checkpoint.js'
import type { ChosenGenerator } from '../checkpoint/chosen-generator.js'
import { float32Values } from '../checkpoint/safetensors.js'

/** A generator as other formats want it: what it computes, and the numbers. */
export interface ExportedNetwork {
  latentSize: number
  imageSize: number
  channels: number
  operations: readonly Operation[]
  /** Of one parameter, in the layout that its operation names. */
  valuesOf(parameter: Parameter): Float32Array
  /** The same in PyTorch's layout, as the checkpoint has them. */
  torchValuesOf(parameter: Parameter): Float32Array
}

/** Statistics that batch norm takes: those gathered in training, or those of the images that are made together. */
export type ExportedBatchNorm = 'running' | 'batch'

/** One file of an export. */
export interface ExportedFile {
  name: string
  bytes: Uint8Array
}

/** What goes in and what comes out, wherever the format names its tensors. */
export const INPUT = 'latent'
export const OUTPUT = 'images'

/** @throws CheckpointError for a network that has layers without an equivalent, SafetensorsError when the file is damaged. */
export function exportedNetwork({ file, spec, channels, prefix }: ChosenGenerator): ExportedNetwork {
  const { operations } = buildNetworks(spec.model, channels).generator
  if (!operations) {
    const kind = `${spec.model.classes === undefined ? '' : 'conditional '}generator of kind ${spec.model.generator}`
    throw new CheckpointError(`a ${kind} has no form outside of Kantor`)
  }
  const { latentSize, imageSize } = spec.model
  const torchValuesOf = ({ name, torchShape }: Parameter) => float32Values(file, `${prefix}${name}`, torchShape)
  return {
    latentSize,
    imageSize,
    channels,
    operations,
    torchValuesOf,
    valuesOf: (parameter) => fromTorch(torchValuesOf(parameter), parameter.layout),
  }
}

/** A parameter’s name for formats that want none of the authors' colons: `main.initial:100-512:convt.weight` without its last part. */
export const scopeOf = ({ name }: Parameter): string => name.slice(0, name.lastIndexOf('.')).replaceAll(':', '_')

/** Pixels around an image under `same` padding with sizes that divide: before and after, along one side. */
export function samePadding(kernel: number, strides: number): [number, number] {
  const total = kernel - strides
  return [Math.floor(total / 2), Math.ceil(total / 2)]
}
