// A checkpoint's generator in the formats of others. Pure: bytes in, files out, and no TensorFlow is loaded.
import type { ExportFormat, ExportRequest } from '@kantor/contracts'
import { type ChosenGenerator, chooseGenerator } from '../checkpoint/chosen-generator.js'
import { type ExportedFile, exportedNetwork } from './exported-network.js'
import { layersModel } from './layers-model.js'
import { onnx } from './onnx.js'
import { savedModel } from './saved-model.js'
import { stateDict } from './state-dict.js'

/** One line per format. */
const writers: Record<ExportFormat, (chosen: ChosenGenerator, request: ExportRequest) => ExportedFile[]> = {
  'state-dict': stateDict,
  'layers-model': (chosen) => layersModel(exportedNetwork(chosen)),
  onnx: (chosen, { batchNorm }) => onnx(exportedNetwork(chosen), batchNorm),
  'saved-model': (chosen, { batchNorm }) => savedModel(exportedNetwork(chosen), batchNorm),
}

export interface Export extends Pick<ChosenGenerator, 'weights' | 'channels'> {
  latentSize: number
  imageSize: number
  files: ExportedFile[]
}

/**
 * @throws SafetensorsError when the file is damaged, CheckpointError when it is no checkpoint, holds no running mean that was asked for, or
 * a network that the format has no words for.
 */
export function exportGenerator(checkpoint: Uint8Array, request: ExportRequest): Export {
  const chosen = chooseGenerator(checkpoint, request.weights)
  const { latentSize, imageSize } = chosen.spec.model
  const { weights, channels } = chosen
  return { weights, channels, latentSize, imageSize, files: writers[request.format](chosen, request) }
}
