import type { JobSpec } from '../job-spec.js'
import { networkCosts } from './networks.js'
import { penaltiesOf } from './operations.js'
import { slotsOf } from './storage.js'

// Peak memory of a trainer. The parts are what the program does, their factors were measured: docs/decisions/0020 has the numbers.

const FLOAT_BYTES = 4
/** TensorFlow's library, Node, and the buffers of the smallest job. */
const RUNTIME_BYTES = 470_000_000
/**
 * Of weights and optimizer slots: in the graph, beside it, and while a checkpoint is written read back, in PyTorch's order, and in the
 * file; one more for the allocator.
 */
const WEIGHT_COPIES = 6
/** Outputs kept in a critic step: of the real and of the fake pass, and as much in flight backwards as one of them. */
const CRITIC_STEP = { critic: 3, generator: 0 }
/** In a generator step: of both networks, and half as much of the generator's in flight. */
const GENERATOR_STEP = { critic: 1, generator: 1.5 }
/** Of each image whose gradient is penalised, as in a critic step. */
const PENALTY_PASSES = 3
/** Convolutions and products keep half as much. */
const BFLOAT16 = 0.5
/** Lowerings that were measured keep patches of the images. */
const MEASURED = 2
/** Of the generator's outputs when a grid is drawn, op by op. */
const SAMPLE_PASSES = 2
/** Convolutions pad channels to a vector's width; on an image of one or three that is most of what they take. */
const VECTOR = 16
const PADDED = { step: 2, sample: 3 }

export type Sized = Pick<
  JobSpec,
  'model' | 'batchSize' | 'objective' | 'optimizer' | 'generatorAverage' | 'precision' | 'lowerings'
> & {
  sampling: Pick<JobSpec['sampling'], 'count'>
}

/** Bytes; `bytes` is the sum of the parts. */
export interface MemoryEstimate {
  bytes: number
  parts: {
    runtime: number
    weights: number
    gradients: number
    activations: number
    penalty: number
    batch: number
    /** What a sample grid takes beyond a training step. */
    sampling: number
  }
}

/** What a job's trainer takes at its peak, from shapes alone; `imageSize` must be 16 · 2^k. */
export function estimateMemory(spec: Sized, channels: number): MemoryEstimate {
  const { model, batchSize, objective, optimizer, precision, lowerings, sampling } = spec
  const { generator, critic } = networkCosts(model, channels)
  const imageBytes = FLOAT_BYTES * model.imageSize ** 2
  const hasConvolutions = model.generator !== 'mlp' || model.critic !== 'mlp'
  const padded = hasConvolutions ? VECTOR * imageBytes : 0
  const criticBytes = batchSize * FLOAT_BYTES * critic.outputs
  const generatorBytes = batchSize * FLOAT_BYTES * generator.outputs
  const keptIn = (step: typeof CRITIC_STEP) => step.critic * criticBytes + step.generator * generatorBytes

  const kept = (precision === 'bfloat16' ? BFLOAT16 : 1) * (lowerings === 'measured' ? MEASURED : 1)
  const activations = Math.ceil(kept * Math.max(keptIn(CRITIC_STEP), keptIn(GENERATOR_STEP)))
  const penalty = PENALTY_PASSES * criticBytes * penaltiesOf(objective)
  const batch = batchSize * (2 * channels * imageBytes + PADDED.step * padded)
  const grid = sampling.count * (SAMPLE_PASSES * FLOAT_BYTES * generator.outputs + PADDED.sample * padded)
  const averaged = spec.generatorAverage ? generator.weights : 0
  const parts = {
    runtime: RUNTIME_BYTES,
    weights: WEIGHT_COPIES * FLOAT_BYTES * ((generator.weights + critic.weights) * (1 + slotsOf(optimizer)) + averaged),
    gradients: FLOAT_BYTES * Math.max(generator.weights, critic.weights),
    activations,
    penalty,
    batch,
    sampling: Math.max(0, grid - activations - penalty - batch),
  }
  return { bytes: Object.values(parts).reduce((sum, part) => sum + part, 0), parts }
}
