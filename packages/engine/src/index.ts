export { tf, type TensorFlow } from './binding.js'
export { weightedGradients } from './gradients.js'
export { compile, type Compiled, type CompileOptions } from './graph/compile.js'
export { CompileError } from './graph/compile-error.js'
export { evaluateGraph } from './graph/evaluate-graph.js'
export { type FrozenGraph, FrozenGraphError, openFrozenGraph } from './graph/frozen-graph.js'
export {
  compileProgram,
  type Feeds,
  type Inputs,
  type Outputs,
  type Program,
  type ProgramOptions,
  type Step,
} from './graph/program.js'
export { type Plan, plans } from './graph/convolution-plans.js'
export { type LoweringChooser, type Lowerings, measuredLowerings, pinnedLowerings } from './graph/lowerings.js'
export {
  type AttributeValue,
  graphDefBytes,
  type GraphNode,
  savedModelBytes,
  type Signature,
} from './graph/messages.js'
export type { Precision } from './graph/precision.js'
export type { InputSpec } from './graph/recording.js'
export { describeTensorFlow, loadTensorFlow, type TensorFlowDescription } from './load.js'
export { leakyRelu, relu, tanh } from './ops/activations.js'
export { batchNormInference, type BatchNormState, batchNormTraining, type TrainingBatchNorm } from './ops/batch-norm.js'
export { convolve, convolveTransposed } from './ops/convolution.js'
export { dense } from './ops/dense.js'
export { imagesFromBytes, imagesFromPixels } from './ops/images.js'
export { layerNorm } from './ops/layer-norm.js'
export { randomNormal, randomUniform } from './ops/random.js'
export { sigmoid } from './ops/sigmoid.js'
export { softplus } from './ops/softplus.js'
export { powerStep, type SingularVectors, spectralNorm } from './ops/spectral-norm.js'
export { type AdamOptions, createAdam } from './optimizers/adam.js'
export { applyGradients, type Optimizer, type Slot } from './optimizers/optimizer.js'
export { createRmsProp, type RmsPropOptions } from './optimizers/rmsprop.js'
export { seedPair, type Stream, streams } from './seeds.js'
export type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-node-gpu'
