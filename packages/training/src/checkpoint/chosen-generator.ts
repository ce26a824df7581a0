import { JobSpec } from '@kantor/contracts'
import { AVERAGE, CheckpointError, channelsOf, GENERATOR, readCheckpoint } from './checkpoint.js'
import type { SafetensorsFile } from './safetensors.js'

/** The generator's weights of a checkpoint, or their running mean, and what they are for. */
export interface ChosenGenerator {
  file: SafetensorsFile
  spec: JobSpec
  channels: number
  weights: 'generator' | 'average'
  /** What the names of these weights begin with. */
  prefix: string
}

/**
 * `average` is the running mean of a job with `generatorAverage`; left out, that where there is one.
 * @throws SafetensorsError when the file is damaged, CheckpointError when it is no checkpoint or holds no average.
 */
export function chooseGenerator(bytes: Uint8Array, asked?: 'generator' | 'average'): ChosenGenerator {
  const file = readCheckpoint(bytes)
  const spec = JobSpec.parse(JSON.parse(file.metadata['spec'] ?? ''))
  const weights = asked ?? (spec.generatorAverage ? 'average' : 'generator')
  if (weights === 'average' && !spec.generatorAverage)
    throw new CheckpointError('the checkpoint holds no running mean of the generator')
  return { file, spec, channels: channelsOf(file), weights, prefix: weights === 'average' ? AVERAGE : GENERATOR }
}
