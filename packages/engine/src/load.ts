import { availableParallelism, cpus } from 'node:os'
import { createRequire } from 'node:module'
import { isLoaded, nativeBackend, tf, type TensorFlow, useTensorFlow } from './binding.js'
import { register } from './kernel.js'
import {
  leakyReluGradKernel,
  leakyReluKernel,
  reluGradKernel,
  reluKernel,
  tanhGradKernel,
  tanhKernel,
} from './ops/activations.js'
import { batchNormGradKernel, batchNormInferenceKernel, batchNormKernel } from './ops/batch-norm.js'
import { registerFilterGradient } from './ops/convolution.js'
import { randomNormalKernel, randomUniformKernel } from './ops/random.js'
import { sigmoidGradKernel, sigmoidKernel } from './ops/sigmoid.js'
import { softplusGradKernel, softplusKernel } from './ops/softplus.js'
import { registerPowerStep } from './ops/spectral-norm.js'

/** What runs the numbers; part of every checkpoint's determinism record. */
export interface TensorFlowDescription {
  /** Version of the TensorFlow library, e.g. `2.21.0`. */
  tensorflow: string
  tfjs: string
  node: string
  device: 'cpu' | 'gpu'
  /** The processor's model name: its instruction set decides which kernels round how. */
  processor: string
  /** Size of TensorFlow's thread pool. */
  threads: number
}

let description: TensorFlowDescription | undefined
let loading: Promise<TensorFlowDescription> | undefined

/**
 * Loads the native binding once per process (0.4 s, 350 MB) and registers our kernels. Later calls return at once, their
 * options unheeded: thread pools are made with the first tensor.
 * @throws Error with the remedy when the addon or the library is missing.
 */
export function loadTensorFlow(options: { threads?: number } = {}): Promise<TensorFlowDescription> {
  loading ??= load(options)
  return loading
}

async function load(options: { threads?: number }): Promise<TensorFlowDescription> {
  const threads = options.threads ?? Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? availableParallelism())
  // Session options cannot be set through the binding: TensorFlow reads these variables when it starts.
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads)
  // 2 (errors only) still lets an oneDNN notice through; failures reach us as exceptions anyway.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3'
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  shimUtil()
  if (!isLoaded()) useTensorFlow(await importBinding())
  tf.enableProdMode()
  await tf.ready()
  registerKernels()
  const backend = nativeBackend()
  description = {
    tensorflow: backend.binding.TF_Version,
    tfjs: tf.version['tfjs-core'],
    node: process.versions.node,
    device: backend.isUsingGpuDevice ? 'gpu' : 'cpu',
    processor: cpus()[0]?.model ?? process.arch,
    threads,
  }
  return description
}

/** @throws Error before `loadTensorFlow()` has resolved. */
export function describeTensorFlow(): TensorFlowDescription {
  if (!description) throw new Error('TensorFlow is not loaded yet: await loadTensorFlow() first')
  return description
}

/** tfjs-node 4.22 calls two functions that Node 23 took out of `util`. */
function shimUtil(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined
  util['isArray'] ??= Array.isArray
}

async function importBinding(): Promise<TensorFlow> {
  try {
    return await import('@tensorflow/tfjs-node-gpu')
  } catch (cause) {
    throw new Error(
      `TensorFlow cannot be loaded (${String(cause).split('\n')[0]}). Run \`npm run setup\`, then \`npx kantor doctor\`.`,
      { cause },
    )
  }
}

function registerKernels(): void {
  const kernels = [
    leakyReluKernel,
    leakyReluGradKernel,
    reluKernel,
    reluGradKernel,
    tanhKernel,
    tanhGradKernel,
    sigmoidKernel,
    sigmoidGradKernel,
    softplusKernel,
    softplusGradKernel,
    batchNormKernel,
    batchNormInferenceKernel,
    batchNormGradKernel,
    randomNormalKernel,
    randomUniformKernel,
  ]
  for (const kernel of kernels) register(kernel)
  registerFilterGradient()
  registerPowerStep()
}
