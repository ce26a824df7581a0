import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-node-gpu'
import { tf } from '../binding.js'
import { loadTensorFlow } from '../load.js'
import { convolve, convolveTransposed } from '../ops/convolution.js'
import { type Plan, plans } from './convolution-plans.js'
import { type LoweringChooser, measuredLowerings, pinnedLowerings } from './lowerings.js'
import { compile } from './compile.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

type Shape = [number, number, number, number]

const wave = (length: number, rate: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i * rate))
const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1)

const forward = (images: Tensor, weights: Tensor) => convolve(images as Tensor4D, weights as Tensor4D, 2, 'same')

/** A convolution of `x`, [n, h, w, c] to [n, h / 2, w / 2, to], with both its gradients, as `chooser` lowers them. */
function passes(shape: Shape, to: number, chooser?: LoweringChooser): Record<string, Float32Array> {
  const [batch, height, width, channels] = shape
  const small = [batch, height / 2, width / 2, to]
  const filter = tf.variable(tf.randomNormal([4, 4, channels, to], 0, 1, 'float32', 1))
  const program = compile({
    variables: [filter],
    inputs: { x: { shape }, dy: { shape: small } },
    step: ({ x, dy }) => {
      const along = (images: Tensor, weights: Tensor) => tf.sum(tf.mul(forward(images, weights), dy as Tensor))
      const [images, weights] = tf.grads(along)([x as Tensor, filter as Variable])
      return {
        forward: forward(x as Tensor, filter as Tensor),
        weights: weights as Tensor,
        images: images as Tensor,
        // The image gradient as a layer of its own, as a generator has it.
        spread: convolveTransposed(dy as Tensor4D, filter as unknown as Tensor4D, 2),
      }
    },
    ...(chooser && { chooser }),
  })
  try {
    return program.run({ x: wave(sizeOf(shape), 0.7), dy: wave(sizeOf(small), 0.3) })
  } finally {
    program.dispose()
    filter.dispose()
  }
}

const always = (plan: Plan): LoweringChooser => ({ lowerings: {}, choose: () => plan })

describe('plans of a convolution', () => {
  test.each(plans)('%s: forward pass and both gradients equal the ops', (plan) => {
    for (const [shape, to] of [
      [[2, 8, 8, 3], 5],
      [[3, 4, 10, 6], 2],
    ] as [Shape, number][]) {
      const expected = passes(shape, to)
      const actual = passes(shape, to, always(plan))
      expect(Object.keys(actual)).toEqual(['forward', 'weights', 'images', 'spread'])
      for (const [name, values] of Object.entries(expected)) {
        const scale = Math.max(...values.map(Math.abs))
        const distance = Math.max(...values.map((value, i) => Math.abs(value - (actual[name]?.[i] as number))))
        expect([name, distance / scale < 2e-6]).toEqual([name, true])
      }
    }
  })

  test('other convolutions have none: another filter, another stride, an odd image', () => {
    const refuse: LoweringChooser = {
      lowerings: {},
      choose: ({ images }) => {
        throw new Error(`asked for a plan of ${images.join(' × ')}`)
      },
    }
    const compiled = (shape: Shape, filterShape: Shape, stride: number) => {
      const filter = tf.variable(tf.zeros(filterShape))
      const step = ({ x }: { x: Tensor }) => ({
        y: convolve(x as Tensor4D, filter as unknown as Tensor4D, stride, 'same'),
      })
      try {
        compile({ variables: [filter], inputs: { x: { shape } }, step, chooser: refuse }).dispose()
      } finally {
        filter.dispose()
      }
    }
    compiled([2, 8, 8, 3], [3, 3, 3, 5], 1)
    compiled([2, 8, 8, 3], [4, 4, 3, 5], 1)
    compiled([2, 7, 8, 3], [4, 4, 3, 5], 2)
    expect(() => compiled([2, 8, 8, 3], [4, 4, 3, 5], 2)).toThrow('asked for a plan of 2 × 8 × 8 × 3')
  })
})

describe('choosing', () => {
  const layer = 'convolution float32 2x8x8x3 to 5'
  const backward = 'image-gradient float32 2x8x8x3 to 5'
  const problem = { kind: 'convolution', images: [2, 8, 8, 3], to: 5, dtype: 'float32' } as const

  test('measured choices are noted, and pinned ones repeat them to the bit', () => {
    const measured = measuredLowerings()
    const values = passes([2, 8, 8, 3], 5, measured)
    expect(Object.keys(measured.lowerings).sort()).toEqual([layer, backward])
    expect(passes([2, 8, 8, 3], 5, pinnedLowerings(measured.lowerings))).toEqual(values)
  })

  test('what is known is not measured again; what is pinned and unknown is the op itself', () => {
    expect(measuredLowerings({ [layer]: 'slices' }).choose(problem)).toBe('slices')
    expect(pinnedLowerings({ [layer]: 'patches' }).choose(problem)).toBe('patches')
    expect(pinnedLowerings().choose(problem)).toBe('direct')
  })

  test('only what was asked for is told, not all that is known', () => {
    const chooser = measuredLowerings({ [layer]: 'slices', [backward]: 'space-to-depth' })
    chooser.choose(problem)
    expect(chooser.lowerings).toEqual({ [layer]: 'slices' })
  })
})
