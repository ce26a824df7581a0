import { type Tensor4D, tf } from '@kantor/engine'

/** uint8 to [−1, 1] with the rounding of the authors' pipeline: x / 255, then (x − 0.5) / 0.5, in float32. */
const levels = Float32Array.from({ length: 256 }, (_, i) => Math.fround(Math.fround(i / 255) - 0.5) / 0.5)

/** NHWC uint8 to a float tensor in [−1, 1]. */
export function toTensor(bytes: Uint8Array, numImages: number, imageSize: number, channels: number): Tensor4D {
  const expected = numImages * imageSize * imageSize * channels
  if (bytes.length !== expected) {
    throw new Error(`the image source gave ${bytes.length} bytes for ${numImages} images, expected ${expected}`)
  }
  const values = new Float32Array(expected)
  for (let i = 0; i < expected; i++) values[i] = levels[bytes[i] as number] as number
  return tf.tensor4d(values, [numImages, imageSize, imageSize, channels])
}

/** [−1, 1] to uint8, rounded; values outside (an MLP generator has no tanh) are clipped, NaN becomes black. */
export const toBytes = (values: Float32Array): Uint8Array =>
  Uint8Array.from(Uint8ClampedArray.from(values, (value) => (value * 0.5 + 0.5) * 255))
