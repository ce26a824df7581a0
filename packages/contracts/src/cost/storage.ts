import { POINT_SIZE } from '../architectures.js'
import { gridColumns } from '../artifacts.js'
import { lossNames } from '../curve.js'
import { everyStepNames } from '../diagnostics.js'
import type { JobSpec } from '../job-spec.js'
import { networkCosts } from './networks.js'

/** Of a value in the curve store, roll-ups and indexes included: measured, docs/decisions/0017. */
const CURVE_BYTES_PER_VALUE = 5.86
/** Losses and diagnostics that a point has at every step; the others are too few to count. */
const VALUES_PER_STEP = lossNames.length + everyStepNames.length
/** Names, shapes and places of the tensors, and the spec. */
const HEADER_BYTES = 16_384
const FLOAT_BYTES = 4
/** A scatter picture, of which most is one colour; its points come on top. */
const SCATTER_BYTES = 20_000
/** Between the images of a grid, and around it. */
const PADDING = 2

/** Values that the optimizer keeps per weight. */
export const slotsOf = ({ kind }: JobSpec['optimizer']): number => (kind === 'adam' ? 2 : 1)

/** Bytes of one checkpoint: weights, running statistics, optimizer slots. */
function checkpointBytes(spec: Pick<JobSpec, 'model' | 'optimizer' | 'generatorAverage'>, channels: number): number {
  const { generator, critic } = networkCosts(spec.model, channels)
  const weights = (generator.weights + critic.weights) * (1 + slotsOf(spec.optimizer))
  const averaged = spec.generatorAverage ? generator.weights + generator.statistics : 0
  return FLOAT_BYTES * (weights + averaged + generator.statistics + critic.statistics) + HEADER_BYTES
}

export interface StorageEstimate {
  curve: number
  samples: number
  /** As many as the retention keeps; pinned ones come on top. */
  checkpoints: number
}

/** Bytes that a job of so many generator steps leaves behind: at most, but for the curve. */
export function storageOf(spec: JobSpec, channels: number, steps: number): StorageEstimate {
  const { sampling, checkpoint, model } = spec
  const isPoints = model.imageSize === POINT_SIZE
  const columns = gridColumns(sampling.count, model.classes)
  const tile = model.imageSize + PADDING
  const gridPixels = (columns * tile + PADDING) * (Math.ceil(sampling.count / columns) * tile + PADDING)
  // One before the first step and one after the last.
  const grids = 2 + Math.floor(steps / sampling.every)
  const spaced = checkpoint.keepEvery === undefined ? 0 : Math.floor(steps / checkpoint.keepEvery)
  const kept = Math.min(steps, checkpoint.keep + spaced + (checkpoint.keepBest?.count ?? 0))
  return {
    curve: Math.round(steps * VALUES_PER_STEP * CURVE_BYTES_PER_VALUE),
    // As raw pixels: grids of noise, as the first are, compress hardly at all.
    samples: grids * (isPoints ? SCATTER_BYTES + FLOAT_BYTES * sampling.count * channels : gridPixels * channels),
    checkpoints: kept * checkpointBytes(spec, channels),
  }
}
