import type { Tensor, TensorInfo } from '@tensorflow/tfjs-node-gpu'

export type TensorFlow = typeof import('@tensorflow/tfjs-node-gpu')

const notLoaded = new Proxy({} as TensorFlow, {
  get() {
    throw new Error('TensorFlow is not loaded yet: await loadTensorFlow() first')
  },
})

/** tfjs on the native backend. A live binding: usable everywhere once `loadTensorFlow()` has resolved. */
export let tf: TensorFlow = notLoaded

export function useTensorFlow(loaded: TensorFlow): void {
  tf = loaded
}

export const isLoaded = (): boolean => tf !== notLoaded

interface NativeAttribute {
  name: string
  type: number
  value: boolean | number | string | number[]
}

interface NativeBinding {
  readonly TF_Version: string
  readonly TF_FLOAT: number
  readonly TF_INT32: number
  readonly TF_UINT8: number
  readonly TF_ATTR_FLOAT: number
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_STRING: number
  readonly TF_ATTR_TYPE: number
  createTensor(shape: number[], dtype: number, values: Uint8Array): number
}

/** The parts of tfjs-node's backend that we use; its own class is not exported. */
export interface NativeBackend {
  readonly binding: NativeBinding
  readonly isUsingGpuDevice: boolean
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): Tensor
  executeSingleOutput(op: string, attributes: NativeAttribute[], inputs: TensorInfo[]): Tensor
  executeMultipleOutputs(op: string, attributes: NativeAttribute[], inputs: TensorInfo[], numOutputs: number): Tensor[]
}

export const nativeBackend = (): NativeBackend => tf.backend() as unknown as NativeBackend

export type Attribute =
  { float: number } | { bool: boolean } | { text: string } | { dtype: 'float32' | 'int32' | 'uint8' }

/** Attributes in the form that the binding takes. */
export function nativeAttributes(attributes: Record<string, Attribute>): NativeAttribute[] {
  const { binding } = nativeBackend()
  const dtypes = { float32: binding.TF_FLOAT, int32: binding.TF_INT32, uint8: binding.TF_UINT8 }
  return Object.entries(attributes).map(([name, attribute]) => {
    if ('float' in attribute) return { name, type: binding.TF_ATTR_FLOAT, value: attribute.float }
    if ('bool' in attribute) return { name, type: binding.TF_ATTR_BOOL, value: attribute.bool }
    if ('text' in attribute) return { name, type: binding.TF_ATTR_STRING, value: attribute.text }
    return { name, type: binding.TF_ATTR_TYPE, value: dtypes[attribute.dtype] }
  })
}
