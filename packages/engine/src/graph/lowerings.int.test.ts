import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { loadTensorFlow } from '../load.js'
import { convolve } from '../ops/convolution.js'
import { compileProgram } from './program.js'
import { type FilterLowering, filterLowerings } from './filter-gradients.js'
import { type LoweringChooser, measuredLowerings, pinnedLowerings } from './lowerings.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const wave = (length: number, rate: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i * rate))

/** The weight gradient of one convolution, as `chooser` lowers it. */
function gradient(shape: [number, number, number, number], to: number, chooser?: LoweringChooser): Float32Array {
  const [batch, height, width, channels] = shape
  const filter = tf.variable(tf.randomNormal([4, 4, channels, to], 0, 1, 'float32', 1))
  const program = compileProgram({
    variables: [filter],
    steps: {
      step: {
        inputs: { x: { shape }, dy: { shape: [batch, height / 2, width / 2, to] } },
        step: ({ x, dy }) => {
          const loss = (weights: Tensor) =>
            tf.sum(tf.mul(convolve(x as Tensor4D, weights as Tensor4D, 2, 'same'), dy as Tensor))
          return { gradient: tf.grad(loss)(filter) }
        },
      },
    },
    ...(chooser && { chooser }),
  })
  const size = shape.reduce((product, n) => product * n, 1)
  const { gradient: values } = program.run('step', {
    x: wave(size, 0.7),
    dy: wave((size / 4 / channels) * to, 0.3),
  })
  program.dispose()
  filter.dispose()
  return values as Float32Array
}

const always = (lowering: FilterLowering): LoweringChooser => ({ lowerings: {}, choose: () => lowering })

describe('lowerings of a convolution’s weight gradient', () => {
  test.each(filterLowerings)('%s: equals the op', (lowering) => {
    for (const [shape, to] of [
      [[2, 8, 8, 3], 5],
      [[3, 4, 10, 6], 2],
    ] as [[number, number, number, number], number][]) {
      const expected = gradient(shape, to)
      const scale = Math.max(...expected.map(Math.abs))
      const actual = gradient(shape, to, always(lowering))
      expect(Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(
        2e-6 * scale,
      )
    }
  })

  test('measured ones are noted, taken from the notes, and pinned ones repeat them to the bit', () => {
    const measured = measuredLowerings()
    const values = gradient([2, 8, 8, 3], 5, measured)
    const key = 'filter-gradient float32 2x8x8x3 to 5'
    expect(Object.keys(measured.lowerings)).toEqual([key])
    expect(gradient([2, 8, 8, 3], 5, pinnedLowerings(measured.lowerings))).toEqual(values)
    expect(measuredLowerings({ [key]: 'slices' }).choose({ images: [2, 8, 8, 3], to: 5, dtype: 'float32' })).toBe(
      'slices',
    )
    expect(pinnedLowerings().choose({ images: [2, 8, 8, 3], to: 5, dtype: 'float32' })).toBe('direct')
  })
})
