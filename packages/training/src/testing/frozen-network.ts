import { type AttributeValue, graphDefBytes, type GraphNode, type Tensor, type Tensor4D, tf } from '@kantor/engine'

export const NUM_FEATURES = 6
/** Pixels a side to which it resizes what it gets. */
const INNER_SIZE = 12

const float = { type: 'float32' } as const
const int = { type: 'int32' } as const

/** Some numbers that are always the same ones. */
const numbers = (count: number, from: number, to: number) =>
  Float32Array.from({ length: count }, (_, i) => from + ((to - from) * (1 + Math.sin(7 * i + from))) / 2)
const weights = {
  filter: { shape: [3, 3, 3, NUM_FEATURES], values: numbers(27 * NUM_FEATURES, -0.6, 0.6) },
  mean: { shape: [NUM_FEATURES], values: numbers(NUM_FEATURES, -0.2, 0.2) },
  variance: { shape: [NUM_FEATURES], values: numbers(NUM_FEATURES, 0.5, 2) },
  beta: { shape: [NUM_FEATURES], values: numbers(NUM_FEATURES, 0, 1) },
  gamma: { shape: [NUM_FEATURES], values: numbers(NUM_FEATURES, 0.5, 1.5) },
}
const EPSILON = 1e-3

/**
 * A small network with the ops, names and age of the Inception graph of 2015: a GraphDef of producer 8, whose ops lack the attributes that have
 * come since, with images fed at `ExpandDims` behind what reads a single one, resized inside, and `pool_3` of [n, 1, 1, features].
 */
export function frozenNetwork(further: readonly GraphNode[] = []): Uint8Array {
  const nodes: GraphNode[] = []
  const add = (name: string, op: string, inputs: string[], attributes: Record<string, AttributeValue>) => {
    nodes.push({ name, op, inputs, attributes })
    return name
  }
  const constant = (name: string, tensor: { shape: readonly number[]; values: Float32Array | Int32Array }) => {
    const dtype = tensor.values instanceof Int32Array ? 'int32' : 'float32'
    return add(name, 'Const', [], { dtype: { type: dtype }, value: { tensor: { ...tensor, dtype } } })
  }
  const scalar = (name: string, value: number) => constant(name, { shape: [], values: Float32Array.of(value) })

  const image = add('Cast', 'Placeholder', [], { dtype: float, shape: { shape: [40, 40, 3] } })
  const axis = constant('ExpandDims/dim', { shape: [], values: Int32Array.of(0) })
  const images = add('ExpandDims', 'ExpandDims', [image, axis], { T: float })
  const size = constant('ResizeBilinear/size', { shape: [2], values: Int32Array.of(INNER_SIZE, INNER_SIZE) })
  const resized = add('ResizeBilinear', 'ResizeBilinear', [images, size], { T: float })
  const less = add('Sub', 'Sub', [resized, scalar('Sub/y', 128)], { T: float })
  const unit = add('Mul', 'Mul', [less, scalar('Mul/y', 1 / 128)], { T: float })
  const [filter, ...statistics] = Object.entries(weights).map(([name, tensor]) => constant(`conv/${name}`, tensor))
  const convolved = add('conv/Conv2D', 'Conv2D', [unit, filter as string], {
    T: float,
    strides: { ints: [1, 1, 1, 1] },
    padding: { text: 'VALID' },
  })
  const normal = add('conv/batchnorm', 'BatchNormWithGlobalNormalization', [convolved, ...statistics], {
    T: float,
    variance_epsilon: { float: EPSILON },
    scale_after_normalization: { bool: true },
  })
  const checked = add('conv/CheckNumerics', 'CheckNumerics', [normal], { T: float, message: { text: 'batchnorm' } })
  const relu = add('conv', 'Relu', [checked], { T: float })
  const whole = { ints: [1, INNER_SIZE - 2, INNER_SIZE - 2, 1] }
  add('pool_3', 'AvgPool', [relu], { T: float, ksize: whole, strides: whole, padding: { text: 'VALID' } })
  const one = constant('pool_3/_reshape/shape', { shape: [2], values: Int32Array.of(1, NUM_FEATURES) })
  add('pool_3/_reshape', 'Reshape', ['pool_3', one], { T: float, Tshape: int })
  add('minus', 'Neg', ['conv'], { T: float })
  const logarithm = add('logarithm', 'Log', ['minus'], { T: float })
  add('infinities', 'AvgPool', [logarithm], { T: float, ksize: whole, strides: whole, padding: { text: 'VALID' } })
  return graphDefBytes([...nodes, ...further], 8)
}

/** The features of the same network, from images [n, height, width, 3] of 0 to 255, layer by layer. */
export function featuresOf(images: Tensor4D): Float32Array {
  return tf.tidy(() => {
    const { filter, mean, variance, beta, gamma } = Object.fromEntries(
      Object.entries(weights).map(([name, { values, shape }]) => [name, tf.tensor(values, shape)]),
    ) as Record<keyof typeof weights, Tensor>
    const unit = tf.div(tf.sub(tf.image.resizeBilinear(images, [INNER_SIZE, INNER_SIZE]), 128), 128)
    const convolved = tf.conv2d(unit as Tensor4D, filter as Tensor4D, 1, 'valid')
    const normal = tf.batchNorm(convolved, mean as never, variance as never, beta as never, gamma as never, EPSILON)
    return tf.mean(tf.relu(normal), [1, 2]).dataSync<'float32'>()
  })
}
