import { fromTorch, permuted } from '../architectures/parameter.js'
import { oneHot } from '../classes.js'
import { float32Values, type SafetensorsFile, SafetensorsError } from '../checkpoint/safetensors.js'
import type { ParityConfig } from './config.js'

/** Numbers in our layout. */
export interface Recorded {
  values: Float32Array
  shape: number[]
}

/** What generated images were made from. */
export interface RecordedDraw {
  latent: Recorded
  /** One-hot, where the networks are conditional; in a critic step those of the real images come first. */
  classes: Recorded | null
}

/** What PyTorch's critic step number k was given. */
export interface RecordedCriticStep extends RecordedDraw {
  /** NHWC in [−1, 1]. */
  real: Recorded
  /** One per real image, where the objective interpolates. */
  factors: Recorded | null
}

/** Rows of a stored tensor: a tail batch has fewer images than the noise has rows. */
function rowsOf(file: SafetensorsFile, name: string): number {
  const rows = file.tensors.get(name)?.shape[0]
  if (rows === undefined) throw new SafetensorsError(`the file has no tensor ${name}`)
  return rows
}

export function recordedImages(file: SafetensorsFile, name: string, { nc, imageSize }: ParityConfig): Recorded {
  const rows = rowsOf(file, name)
  const view = [rows, nc, imageSize, imageSize]
  return {
    values: fromTorch(float32Values(file, name, view), permuted(view, [0, 2, 3, 1])),
    shape: [rows, imageSize, imageSize, nc],
  }
}

/** Latents and, as float32 like all else, the numbers of classes. */
export function recordedDraw(file: SafetensorsFile, prefix: string, { nz, classes }: ParityConfig): RecordedDraw {
  const rows = rowsOf(file, `${prefix}/noise`)
  return {
    latent: { values: float32Values(file, `${prefix}/noise`, [rows, nz, 1, 1]), shape: [rows, nz] },
    classes:
      classes === undefined
        ? null
        : { values: oneHot(float32Values(file, `${prefix}/classes`, [rows]), classes), shape: [rows, classes] },
  }
}

export function recordedCriticStep(
  file: SafetensorsFile,
  k: number,
  { config, interpolates }: { config: ParityConfig; interpolates: boolean },
): RecordedCriticStep {
  const real = recordedImages(file, `batch/${k}/real`, config)
  const rows = real.shape[0] as number
  return {
    real,
    ...recordedDraw(file, `batch/${k}`, config),
    factors: interpolates
      ? { values: float32Values(file, `batch/${k}/epsilon`, [rows, 1, 1, 1]), shape: [rows] }
      : null,
  }
}
