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
  'layers-model': (chosen, request) => layersModel(exportedNetwork(chosen, request.class)),
  onnx: (chosen, request) => onnx(exportedNetwork(chosen, request.class), request.batchNorm),
  'saved-model': (chosen, request) => savedModel(exportedNetwork(chosen, request.class), request.batchNorm),
}

export interface Export extends Pick<ChosenGenerator, 'weights' | 'channels'> {
  latentSize: number
  imageSize: number
  files: ExportedFile[]
}

/**
 * @throws SafetensorsError when the file is damaged, CheckpointError when it is no checkpoint, holds no running mean that was asked for, or
 * a network that the format has no words for; or none of a class that was asked for, or nothing was where there are classes.
 */
export function exportGenerator(checkpoint: Uint8Array, request: ExportRequest): Export {
  const chosen = chooseGenerator(checkpoint, request.weights)
  const { latentSize, imageSize } = chosen.spec.model
  const { weights, channels } = chosen
  return { weights, channels, latentSize, imageSize, files: writers[request.format](chosen, request) }
}
