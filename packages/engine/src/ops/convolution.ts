import type { Tensor, Tensor4D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'

type Padding = 'same' | 'valid'

/** Convolution: x NHWC, filter [height, width, in, out]. PyTorch's 4 × 4, stride 2, padding 1 is `same` with stride 2. */
export const convolve = (x: Tensor4D, filter: Tensor4D, strides: number, padding: Padding): Tensor4D =>
  tf.conv2d(x, filter, strides, padding)

/**
 * Transposed convolution: x NHWC, filter [height, width, out, in]; the output is `strides` times as large.
 * PyTorch's ConvTranspose2d(4, stride 2, padding 1) gives the same numbers.
 */
export function convolveTransposed(x: Tensor4D, filter: Tensor4D, strides: number): Tensor4D {
  const [batch, height, width] = x.shape
  return tf.conv2dTranspose(x, filter, [batch, height * strides, width * strides, filter.shape[2]], strides, 'same')
}

/** tfjs-core has no gradient for the weight gradient of a convolution; without it, second order through filters throws. */
export function registerFilterGradient(): void {
  tf.registerGradient({
    kernelName: 'Conv2DBackpropFilter',
    inputsToSave: ['x', 'dy'],
    gradFunc: (ddw, saved, attrs) => {
      const [x, dy] = saved as [Tensor4D, Tensor4D]
      const { strides, pad, dataFormat, dimRoundingMode } = attrs
      const shared = { strides, pad, dataFormat, dimRoundingMode }
      const filter = ddw as Tensor4D
      const runKernel = (name: string, inputs: Record<string, Tensor>, extra: object): Tensor =>
        tf.engine().runKernel(name, inputs, { ...shared, ...extra } as never)
      return {
        x: () => runKernel('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
        dy: () => runKernel('Conv2D', { x, filter }, { dilations: 1 }),
      }
    },
  })
}
