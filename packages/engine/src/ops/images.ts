import type { Tensor4D } from '@tensorflow/tfjs-node-gpu'
import { nativeAttributes, nativeBackend, tf } from '../binding.js'

/**
 * NHWC uint8 pixels as float32 in [−1, 1]: x / 255, then (x − 0.5) / 0.5, rounded like torchvision's ToTensor and
 * Normalize. tfjs has no uint8 tensor; going through the binding sends a quarter of the bytes and converts natively.
 */
export function imagesFromBytes(bytes: Uint8Array, shape: [number, number, number, number]): Tensor4D {
  const expected = shape.reduce((product, n) => product * n, 1)
  if (bytes.length !== expected) {
    throw new RangeError(`${bytes.length} bytes are no [${shape.join(', ')}] images: expected ${expected}`)
  }
  const backend = nativeBackend()
  const { binding } = backend
  return tf.tidy(() => {
    const id = binding.createTensor(shape, binding.TF_UINT8, bytes)
    const pixels = backend.createOutputTensor({ id, shape, dtype: binding.TF_UINT8 })
    const values = backend.executeSingleOutput('Cast', castAttributes(), [pixels])
    return imagesFromPixels(values as Tensor4D)
  })
}

/** The same from pixels that are float32 numbers 0 to 255 already, as a compiled step gets its uint8 inputs. */
export const imagesFromPixels = (pixels: Tensor4D): Tensor4D =>
  tf.tidy(() => tf.div(tf.sub(tf.div(pixels, tf.scalar(255)), tf.scalar(0.5)), tf.scalar(0.5)))

const castAttributes = () => nativeAttributes({ SrcT: { dtype: 'uint8' }, DstT: { dtype: 'float32' } })
