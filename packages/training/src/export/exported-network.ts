import { buildNetworks } from '../architectures/index.js'
import type { Operation } from '../architectures/operation.js'
import { fromTorch, type Parameter, plain } from '../architectures/parameter.js'
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

/**
 * Of a conditional generator that of one class: an ordinary network, whose batch norms have the scales and offsets of that class.
 * @throws CheckpointError for a network that has layers without an equivalent, or a class that is missing or is not its; SafetensorsError when
 *   the file is damaged.
 */
export function exportedNetwork(
  { file, spec, channels, prefix }: ChosenGenerator,
  ofClass: number | undefined,
): ExportedNetwork {
  const { operations } = buildNetworks(spec.model, channels).generator
  if (!operations)
    throw new CheckpointError(`a generator of kind ${spec.model.generator} has no form outside of Kantor`)
  const { latentSize, imageSize, classes } = spec.model
  if (classes === undefined ? ofClass !== undefined : ofClass === undefined || ofClass >= classes)
    throw new CheckpointError(
      classes === undefined ? 'the generator knows no classes' : `name a class from 0 to ${classes - 1}`,
    )
  const torchValuesOf = ({ name, torchShape, role }: Parameter) => {
    if (ofClass === undefined || role !== 'batch-norm') return float32Values(file, `${prefix}${name}`, torchShape)
    const [width] = torchShape as [number]
    return float32Values(file, `${prefix}${name}`, [classes as number, width]).slice(
      ofClass * width,
      (ofClass + 1) * width,
    )
  }
  return {
    latentSize,
    imageSize,
    channels,
    operations: ofClass === undefined ? operations : operations.map(withoutClasses),
    torchValuesOf,
    valuesOf: (parameter) => fromTorch(torchValuesOf(parameter), parameter.layout),
  }
}

function rowOf(parameter: Parameter): Parameter {
  const torchShape = parameter.torchShape.slice(1)
  return { ...parameter, torchShape, layout: plain(torchShape) }
}

/** Batch norms with the one row that their class has. */
function withoutClasses(operation: Operation): Operation {
  if (operation.kind === 'sum') {
    const [a, b] = operation.paths
    return { ...operation, paths: [a.map(withoutClasses), b.map(withoutClasses)] }
  }
  if (operation.kind !== 'batch-norm') return operation
  return { ...operation, scale: rowOf(operation.scale), offset: rowOf(operation.offset) }
}

/** A parameter’s name for formats that want none of the authors' colons: `main.initial:100-512:convt.weight` without its last part. */
export const scopeOf = ({ name }: Parameter): string => name.slice(0, name.lastIndexOf('.')).replaceAll(':', '_')

/** Pixels around an image under `same` padding with sizes that divide: before and after, along one side. */
export function samePadding(kernel: number, strides: number): [number, number] {
  const total = kernel - strides
  return [Math.floor(total / 2), Math.ceil(total / 2)]
}
