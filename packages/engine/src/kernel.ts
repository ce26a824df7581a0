import type { NamedAttrMap, NamedTensorMap, Tensor, TensorInfo } from '@tensorflow/tfjs-node-gpu'
import { type Attribute, nativeAttributes, nativeBackend, tf } from './binding.js'

/** Gradients by input name, each computed only when somebody asks for it. */
export type InputGradients = Record<string, () => Tensor>

/**
 * A tfjs kernel that is one native TensorFlow op. Registered (instead of `tf.customGrad` around a backend call) so that
 * the tape sees it: second-order gradients through a hidden op vanish silently.
 */
export interface Kernel {
  name: string
  /** The native op and the order of its inputs. */
  op: string
  inputs: readonly string[]
  numOutputs: number
  attributes(attrs: NamedAttrMap): Record<string, Attribute>
  /** Absent: the op has no gradient. */
  gradient?: {
    saveInputs: readonly string[]
    /** Which outputs to save, by position. */
    saveOutputs?: readonly boolean[]
    /** `saved` holds the saved inputs, then the saved outputs. */
    of(dy: Tensor[], saved: Tensor[], attrs: NamedAttrMap): InputGradients
  }
}

export function register(kernel: Kernel): void {
  const cache = new Map<string, ReturnType<typeof nativeAttributes>>()
  tf.registerKernel({
    kernelName: kernel.name,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => {
      const key = JSON.stringify(attrs)
      let attributes = cache.get(key)
      if (!attributes) cache.set(key, (attributes = nativeAttributes(kernel.attributes(attrs ?? {}))))
      const ordered = kernel.inputs.map((name) => inputs[name] as TensorInfo)
      return nativeBackend().executeMultipleOutputs(kernel.op, attributes, ordered, kernel.numOutputs)
    },
  })
  const gradient = kernel.gradient
  if (!gradient) return
  tf.registerGradient({
    kernelName: kernel.name,
    inputsToSave: [...gradient.saveInputs],
    outputsToSave: gradient.saveOutputs ? [...gradient.saveOutputs] : [],
    gradFunc: (dy, saved, attrs) => gradient.of(Array.isArray(dy) ? dy : [dy], saved, attrs),
  })
}

/** Runs a registered kernel; the tape records it. */
export function run(kernel: Kernel, inputs: Record<string, Tensor>, attrs: NamedAttrMap = {}): Tensor[] {
  const outputs = tf.engine().runKernel(kernel.name, inputs as NamedTensorMap, attrs) as unknown
  return outputs as Tensor[]
}

/** The kernel's only output. */
export const runSingle = (kernel: Kernel, inputs: Record<string, Tensor>, attrs?: NamedAttrMap): Tensor =>
  run(kernel, inputs, attrs)[0] as Tensor
