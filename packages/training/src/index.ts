export { CheckpointError, courseHash, type RunState } from './checkpoint/checkpoint.js'
export {
  type Dtype,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from './checkpoint/safetensors.js'
export { type Drawing, openDrawing } from './drawing.js'
export { type Export, exportGenerator } from './export/index.js'
export { toBytes } from './pixels.js'
export { DivergedError } from './diverged.js'
export type { Determinism, ImageSource, TrainControl, TrainEvent } from './events.js'
export { train, type TrainOptions } from './train.js'
export { type ParityConfig, ParityNotSupportedError } from './parity/config.js'
export { parityBars, type ParityErrors, type ParityResult, replayParity } from './parity/replay.js'
export { evaluate, type EvaluateOptions } from './evaluation/evaluate.js'
export { nearestTraining, type NearestTrainingOptions } from './evaluation/nearest-training.js'
export { type Extractor, openExtractor } from './extractors/extractor.js'
export { ExtractorError, openUploadedExtractor, type UploadedOptions } from './extractors/uploaded.js'
export { type LabelledImages, makeRandomExtractor, trainClassifier } from './extractors/train-classifier.js'
