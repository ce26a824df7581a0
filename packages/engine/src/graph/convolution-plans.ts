import type { GraphBuilder } from './graph-builder.js'
import type { GraphDtype } from './native.js'
import type { Operation } from './recording.js'

// Ways to compute a 4 × 4 convolution with stride 2 and its two gradients. oneDNN's own kernels for them run far below a
// matrix product's speed at some shapes: the weight gradient at a third of it on narrow images with many channels, the
// image gradient at a fifth where the images have one or three channels.

/**
 * How the forward pass and the weight gradient are computed. `direct`: the ops themselves; all others change the weight
 * gradient. `space-to-depth`: as a 2 × 2 convolution with stride 1 on four times the channels. `slices`: of that, one
 * matrix product per filter position. `patches`: of that, one product over all four. `shared-patches`: the forward pass is
 * a matrix product too, on the patches that the weight gradient takes later.
 */
const forwardPlans = ['direct', 'space-to-depth', 'slices', 'patches', 'shared-patches'] as const

/** How the gradient for the images is computed: as itself, or of the 2 × 2 convolution. */
const imagePlans = ['direct', 'space-to-depth'] as const

export const plansOf = { convolution: forwardPlans, 'image-gradient': imagePlans } as const
export const plans = forwardPlans
export type Plan = (typeof plans)[number]

/** A convolution that can be computed in several ways; weights [4, 4, channels, to]. */
export interface Convolution {
  kind: keyof typeof plansOf
  /** NHWC, both sides even. */
  images: readonly [number, number, number, number]
  /** Channels of the convolution's result. */
  to: number
  dtype: 'float32' | 'bfloat16'
}

export const convolutionKey = ({ kind, images, to, dtype }: Convolution): string =>
  `${kind} ${dtype} ${images.join('x')} to ${to}`

const roles = {
  Conv2D: { kind: 'convolution', images: 0, filter: 1 },
  Conv2DBackpropFilter: { kind: 'convolution', images: 0, filter: null },
  Conv2DBackpropInput: { kind: 'image-gradient', images: null, filter: 1 },
} as const

/** Null: the op has no plan but itself. */
export function convolutionOf({ op, attributes, inputs, outputs }: Operation, dtype: GraphDtype): Convolution | null {
  const role = (roles as Record<string, (typeof roles)[keyof typeof roles]>)[op]
  if (!role || (dtype !== 'float32' && dtype !== 'bfloat16')) return null
  const [strides, padding, format] = ['strides', 'padding', 'data_format'].map((name) => attributes[name])
  const isHalving = strides && 'ints' in strides && strides.ints.join() === '1,2,2,1'
  const isSame = padding && 'text' in padding && padding.text === 'SAME'
  const isChannelsLast = format && 'text' in format && format.text === 'NHWC'
  const shapeAt = (place: number | null) => (place === null ? outputs[0] : inputs[place])?.shape ?? []
  const images = shapeAt(role.images)
  const [height, width, , to] = shapeAt(role.filter)
  const isEven = images.length === 4 && (images[1] as number) % 2 === 0 && (images[2] as number) % 2 === 0
  if (!isHalving || !isSame || !isChannelsLast || !isEven || height !== 4 || width !== 4 || to === undefined)
    return null
  return { kind: role.kind, images: images as unknown as Convolution['images'], to, dtype }
}

/** Nodes of the operands of one pass. */
export type Pass =
  | { op: 'Conv2D'; images: string; filter: string }
  | { op: 'Conv2DBackpropFilter'; images: string; gradient: string }
  | { op: 'Conv2DBackpropInput'; filter: string; gradient: string }

export interface PassOptions {
  scope: string
  plan: Plan
}

/** Adds the nodes of one pass over `problem`; gives the result's node. */
export function lowerConvolution(
  graph: GraphBuilder,
  problem: Convolution,
  pass: Pass,
  { scope, plan }: PassOptions,
): string {
  const nodes = nodesOf(graph, problem, scope)
  const [batch, height, width, channels] = problem.images
  const [rows, columns] = [height / 2, width / 2]
  const { to } = problem
  const numRows = batch * rows * columns

  if (pass.op === 'Conv2D') {
    if (plan !== 'shared-patches') return nodes.convolution('Conv2D', [pass.images, pass.filter], halving)
    const matrix = nodes.reordered(pass.filter, [16 * channels, to])
    const patches = nodes.reshape(nodes.patches(pass.images), [numRows, 16 * channels])
    return nodes.reshape(nodes.product(patches, matrix, false), [batch, rows, columns, to])
  }
  if (pass.op === 'Conv2DBackpropInput') {
    const { filter, gradient } = pass
    if (plan === 'direct') {
      return nodes.convolution('Conv2DBackpropInput', [graph.integers(problem.images), filter, gradient], halving)
    }
    const blocks = graph.integers([batch, rows + 1, columns + 1, 4 * channels])
    const inner = nodes.reordered(filter, [2, 2, 4 * channels, to])
    const spread = nodes.convolution('Conv2DBackpropInput', [blocks, inner, gradient], shifting)
    return nodes.slice(nodes.fromBlocks(spread), [0, 1, 1, 0], problem.images)
  }
  const { images, gradient } = pass
  const gradientOf = (source: string, shape: readonly number[], stride: Stride): string =>
    nodes.convolution('Conv2DBackpropFilter', [source, graph.integers(shape), gradient], stride)
  if (plan === 'direct') return gradientOf(images, [4, 4, channels, to], halving)
  const inOrder = (ref: string): string => nodes.reordered(ref, [4, 4, channels, to])
  if (plan === 'space-to-depth') {
    return inOrder(gradientOf(nodes.blocks(images), [2, 2, 4 * channels, to], shifting))
  }
  const flatGradient = nodes.reshape(gradient, [numRows, to])
  const product = (ref: string, inner: number): string =>
    nodes.product(nodes.reshape(ref, [numRows, inner]), flatGradient, true)
  if (plan === 'slices') return inOrder(nodes.pack(nodes.slices(images).map((ref) => product(ref, 4 * channels))))
  return inOrder(product(nodes.patches(images), 16 * channels))
}

interface Stride {
  strides: number
  padding: 'SAME' | 'VALID'
}
const halving: Stride = { strides: 2, padding: 'SAME' }
const shifting: Stride = { strides: 1, padding: 'VALID' }

/** Rows and columns. */
const margin = Int32Array.of(0, 0, 1, 1, 1, 1, 0, 0)
const lastAxis = Int32Array.of(3)
const positions = [0, 1].flatMap((i) => [0, 1].map((j) => [i, j] as const))

/** What the plans are made of. Equal nodes are merged by TensorFlow's optimizer, so patches that two passes take exist once. */
function nodesOf(graph: GraphBuilder, { images, to, dtype }: Convolution, scope: string) {
  const [batch, height, width, channels] = images
  const type = { T: { type: dtype } }
  const index = { type: 'int32' } as const
  const two = { block_size: { int: 2 }, data_format: { text: 'NHWC' } } as const
  const reshape = (ref: string, shape: readonly number[]): string =>
    graph.add(`${scope}/reshape`, 'Reshape', [ref, graph.integers(shape)], { ...type, Tshape: index })
  const slice = (ref: string, begin: readonly number[], size: readonly number[]): string =>
    graph.add(`${scope}/slice`, 'Slice', [ref, graph.integers(begin), graph.integers(size)], { ...type, Index: index })
  /** [n, h, w, c] with a margin of one to [n, h / 2 + 1, w / 2 + 1, 4 c]. */
  const blocks = (ref: string): string => {
    const margins = graph.constant(margin, [4, 2], 'int32')
    const padded = graph.add(`${scope}/pad`, 'Pad', [ref, margins], { ...type, Tpaddings: index })
    return graph.add(`${scope}/blocks`, 'SpaceToDepth', [padded], { ...type, ...two })
  }
  /** What the four filter positions of the 2 × 2 convolution see. */
  const slices = (ref: string): string[] => {
    const source = blocks(ref)
    const size = [batch, height / 2, width / 2, 4 * channels]
    return positions.map(([i, j]) => slice(source, [0, i, j, 0], size))
  }
  return {
    reshape,
    slice,
    blocks,
    slices,
    patches: (ref: string): string =>
      graph.add(`${scope}/patches`, 'ConcatV2', [...slices(ref), graph.constant(lastAxis, [], 'int32')], {
        ...type,
        N: { int: 4 },
        Tidx: index,
      }),
    fromBlocks: (ref: string): string => graph.add(`${scope}/images`, 'DepthToSpace', [ref], { ...type, ...two }),
    /** Weights by (row 2i + di, column 2j + dj) to weights by (i, j, di, dj), or back: it is its own inverse. */
    reordered(ref: string, shape: readonly number[]): string {
      const split = reshape(ref, [2, 2, 2, 2, channels, to])
      const order = graph.integers([0, 2, 1, 3, 4, 5])
      return reshape(graph.add(`${scope}/transpose`, 'Transpose', [split, order], { ...type, Tperm: index }), shape)
    },
    product: (a: string, b: string, transposeA: boolean): string =>
      graph.add(`${scope}/product`, 'MatMul', [a, b], {
        ...type,
        transpose_a: { bool: transposeA },
        transpose_b: { bool: false },
      }),
    pack: (refs: readonly string[]): string =>
      graph.add(`${scope}/pack`, 'Pack', refs, { ...type, N: { int: refs.length }, axis: { int: 0 } }),
    convolution: (op: string, inputs: readonly string[], { strides, padding }: Stride): string =>
      graph.add(`${scope}/${op}`, op, inputs, {
        ...type,
        strides: { ints: [1, strides, strides, 1] },
        padding: { text: padding },
        data_format: { text: 'NHWC' },
        dilations: { ints: [1, 1, 1, 1] },
        use_cudnn_on_gpu: { bool: true },
      }),
  }
}
