import type { Tensor, TensorInfo } from '@tensorflow/tfjs-node-gpu'
import { type NativeBackend, nativeBackend } from '../binding.js'

export type Values = Float32Array | Int32Array | Uint8Array

/** A tensor that the binding holds under a number of its own. */
export interface Handle {
  id: number
  shape: number[]
  dtype: number
}

/** What the backend keeps per dataId. `values` wait to be uploaded, `id` is the native tensor (below 0: none). */
interface TensorEntry {
  shape: number[]
  dtype: number
  values: Values | null
  id: number
  refCount: number
}

interface SavedModelBinding {
  readonly TF_ATTR_INT: number
  readonly TF_ATTR_SHAPE: number
  createTensor(shape: readonly number[], dtype: number, values: Values): number
  deleteTensor(id: number): void
  tensorDataSync(id: number): Values
  loadSavedModel(directory: string, tags: string): number
  deleteSavedModel(session: number): void
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): Handle[]
}

/** The parts of tfjs-node's backend that tracing and sessions need on top of `NativeBackend`. */
export interface GraphBackend extends Omit<NativeBackend, 'createOutputTensor'> {
  readonly binding: NativeBackend['binding'] & SavedModelBinding
  readonly tensorMap: { get(dataId: object): TensorEntry; set(dataId: object, entry: TensorEntry): void }
  createOutputTensor(metadata: Handle): Tensor
  getInputTensorIds(tensors: TensorInfo[]): number[]
  readSync: (dataId: object) => Values
  read: (dataId: object) => Promise<Values>
}

export const graphBackend = (): GraphBackend => nativeBackend() as unknown as GraphBackend

/** TensorFlow's numbers, the same in the binding and in a GraphDef. */
export const dtypeNumbers = { float32: 1, float64: 2, int32: 3, uint8: 4, bool: 10, bfloat16: 14 } as const
export type GraphDtype = keyof typeof dtypeNumbers

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)
