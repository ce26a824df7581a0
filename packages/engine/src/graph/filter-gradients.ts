import type { GraphBuilder } from './graph-builder.js'
import type { GraphDtype } from './native.js'
import type { Operation } from './recording.js'

// Ways to compute the weight gradient of a 4 × 4 convolution with stride 2. oneDNN's own kernel runs at a third of the
// forward's speed on narrow images with many channels; there, matrix products over shifted slices win by far.

/**
 * `direct`: the op itself. `space-to-depth`: as a 2 × 2 convolution with stride 1 on four times the channels.
 * `slices`: of that, one matrix product per filter position. `patches`: of that, one product over all four.
 */
export const filterLowerings = ['direct', 'space-to-depth', 'slices', 'patches'] as const
export type FilterLowering = (typeof filterLowerings)[number]

/** A weight gradient that has more than one lowering. */
export interface FilterGradient {
  /** NHWC, both sides even. */
  images: readonly [number, number, number, number]
  /** Channels of the convolution's result. */
  to: number
  dtype: 'float32' | 'bfloat16'
}

export const filterGradientKey = ({ images, to, dtype }: FilterGradient): string =>
  `filter-gradient ${dtype} ${images.join('x')} to ${to}`

/** Null: the op has no other lowering. */
export function filterGradientOf(
  { op, attributes, inputs, outputs }: Operation,
  dtype: GraphDtype,
): FilterGradient | null {
  if (op !== 'Conv2DBackpropFilter' || (dtype !== 'float32' && dtype !== 'bfloat16')) return null
  const [strides, padding, format] = ['strides', 'padding', 'data_format'].map((name) => attributes[name])
  const isHalving = strides && 'ints' in strides && strides.ints.join() === '1,2,2,1'
  const isSame = padding && 'text' in padding && padding.text === 'SAME'
  const isChannelsLast = format && 'text' in format && format.text === 'NHWC'
  const images = inputs[0]?.shape ?? []
  const [height, width, , to] = outputs[0]?.shape ?? []
  const isEven = images.length === 4 && (images[1] as number) % 2 === 0 && (images[2] as number) % 2 === 0
  if (!isHalving || !isSame || !isChannelsLast || !isEven || height !== 4 || width !== 4 || to === undefined)
    return null
  return { images: images as unknown as FilterGradient['images'], to, dtype }
}

export interface FilterGradientNodes {
  scope: string
  /** Nodes of the images and of the gradient of the convolution's result. */
  images: string
  gradient: string
}

/** Adds the nodes of a weight gradient, [4, 4, channels, to]. */
export function lowerFilterGradient(
  graph: GraphBuilder,
  problem: FilterGradient,
  { scope, images, gradient, lowering }: FilterGradientNodes & { lowering: FilterLowering },
): string {
  const { dtype, to } = problem
  const [batch, height, width, channels] = problem.images
  const [rows, columns] = [height / 2, width / 2]
  const type = { T: { type: dtype } }
  const index = { type: 'int32' } as const
  const reshape = (ref: string, shape: readonly number[]): string =>
    graph.add(`${scope}/reshape`, 'Reshape', [ref, graph.integers(shape)], { ...type, Tshape: index })
  const convolution = (ref: string, shape: readonly number[], { strides, padding }: Convolution): string =>
    graph.add(`${scope}/convolution`, 'Conv2DBackpropFilter', [ref, graph.integers(shape), gradient], {
      ...type,
      strides: { ints: [1, strides, strides, 1] },
      padding: { text: padding },
      data_format: { text: 'NHWC' },
      dilations: { ints: [1, 1, 1, 1] },
      use_cudnn_on_gpu: { bool: true },
    })
  if (lowering === 'direct') {
    return convolution(images, [4, 4, channels, to], { strides: 2, padding: 'SAME' })
  }

  const margins = graph.constant(Int32Array.of(0, 0, 1, 1, 1, 1, 0, 0), [4, 2], 'int32')
  const padded = graph.add(`${scope}/pad`, 'Pad', [images, margins], { ...type, Tpaddings: index })
  const blocks = graph.add(`${scope}/blocks`, 'SpaceToDepth', [padded], {
    ...type,
    block_size: { int: 2 },
    data_format: { text: 'NHWC' },
  })
  /** Filter positions come as [i, j, di, dj, …] for row 2i + di and column 2j + dj. */
  const inOrder = (ref: string): string => {
    const order = graph.integers([0, 2, 1, 3, 4, 5])
    const split = reshape(ref, [2, 2, 2, 2, channels, to])
    return reshape(graph.add(`${scope}/transpose`, 'Transpose', [split, order], { ...type, Tperm: index }), [
      4,
      4,
      channels,
      to,
    ])
  }
  if (lowering === 'space-to-depth') {
    return inOrder(convolution(blocks, [2, 2, 4 * channels, to], { strides: 1, padding: 'VALID' }))
  }

  const positions = [0, 1].flatMap((i) => [0, 1].map((j) => [0, i, j, 0]))
  const size = graph.integers([batch, rows, columns, 4 * channels])
  const slices = positions.map((begin) =>
    graph.add(`${scope}/slice`, 'Slice', [blocks, graph.integers(begin), size], { ...type, Index: index }),
  )
  const flatGradient = reshape(gradient, [batch * rows * columns, to])
  const product = (ref: string, inner: number): string =>
    graph.add(`${scope}/product`, 'MatMul', [reshape(ref, [batch * rows * columns, inner]), flatGradient], {
      ...type,
      transpose_a: { bool: true },
      transpose_b: { bool: false },
    })
  if (lowering === 'slices') {
    const products = slices.map((slice) => product(slice, 4 * channels))
    return inOrder(graph.add(`${scope}/pack`, 'Pack', products, { ...type, N: { int: 4 }, axis: { int: 0 } }))
  }
  const axis = graph.constant(Int32Array.of(3), [], 'int32')
  const patches = graph.add(`${scope}/patches`, 'ConcatV2', [...slices, axis], {
    ...type,
    N: { int: 4 },
    Tidx: index,
  })
  return inOrder(product(patches, 16 * channels))
}

interface Convolution {
  strides: number
  padding: 'SAME' | 'VALID'
}
