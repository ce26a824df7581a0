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

/** The parts of tfjs-node's backend that we use; its own class is not exported. */
export interface NativeBackend {
  readonly binding: Readonly<Record<`TF_${string}`, number>> & { readonly TF_Version: string }
  readonly isUsingGpuDevice: boolean
  executeSingleOutput(op: string, attributes: NativeAttribute[], inputs: TensorInfo[]): Tensor
  executeMultipleOutputs(op: string, attributes: NativeAttribute[], inputs: TensorInfo[], numOutputs: number): Tensor[]
}

export const nativeBackend = (): NativeBackend => tf.backend() as unknown as NativeBackend

export type Attribute =
  { float: number } | { bool: boolean } | { int: number | number[] } | { text: string } | { dtype: 'float32' | 'int32' }

const kinds = { float: 'FLOAT', bool: 'BOOL', int: 'INT', text: 'STRING', dtype: 'TYPE' } as const

/** Attributes in the form that the binding takes. */
export function nativeAttributes(attributes: Record<string, Attribute>): NativeAttribute[] {
  const { binding } = nativeBackend()
  return Object.entries(attributes).map(([name, attribute]) => {
    const [kind, value] = Object.entries(attribute)[0] as [keyof typeof kinds, NativeAttribute['value']]
    const dtypes: Record<string, number | undefined> = { float32: binding.TF_FLOAT, int32: binding.TF_INT32 }
    return {
      name,
      type: binding[`TF_ATTR_${kinds[kind]}`] as number,
      value: kind === 'dtype' ? (dtypes[String(value)] as number) : value,
    }
  })
}
