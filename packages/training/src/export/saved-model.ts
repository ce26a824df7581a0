// A TensorFlow SavedModel: one graph with the weights as constants and the signature `serving_default`.
import { type AttributeValue, type GraphNode, savedModelBytes } from '@kantor/engine'
import type { BatchNormOperation, Operation } from '../architectures/operation.js'
import type { Parameter } from '../architectures/parameter.js'
import {
  type ExportedBatchNorm,
  type ExportedFile,
  type ExportedNetwork,
  INPUT,
  OUTPUT,
  scopeOf,
} from './exported-network.js'

const float = { type: 'float32' } as const
const int = { type: 'int32' } as const
/** Of one image: the batch's size stays open. */
interface Value {
  node: string
  shape: readonly number[]
}

type Add = (hint: string, op: string, inputs: readonly string[], attributes: GraphNode['attributes']) => string

interface Graph {
  network: ExportedNetwork
  training: boolean
  add: Add
  /** A 1-D constant, or a scalar. */
  integers: (values: number | readonly number[]) => string
  weight: (parameter: Parameter) => string
  /** int32: images of this call. */
  batchSize: string
}

/** Files below the model's directory. */
export function savedModel(network: ExportedNetwork, batchNorm: ExportedBatchNorm): ExportedFile[] {
  const { latentSize, imageSize, channels, operations } = network
  const nodes: GraphNode[] = []
  const graph = createGraph(network, batchNorm === 'batch', nodes)
  const { node } = operations.reduce((value: Value, operation) => translate(graph, operation, value), {
    node: INPUT,
    shape: [latentSize],
  })
  graph.add(OUTPUT, 'Identity', [node], { T: float })
  const signature = {
    inputs: { [INPUT]: { node: INPUT, shape: [-1, latentSize] } },
    outputs: { [OUTPUT]: { node: OUTPUT, shape: [-1, imageSize, imageSize, channels] } },
  }
  return [{ name: 'saved_model.pb', bytes: savedModelBytes(nodes, signature) }]
}

function createGraph(network: ExportedNetwork, training: boolean, nodes: GraphNode[]): Graph {
  const counts = new Map<string, number>()
  const add: Add = (hint, op, inputs, attributes) => {
    const count = counts.get(hint) ?? 0
    counts.set(hint, count + 1)
    const name = count === 0 ? hint : `${hint}_${count}`
    nodes.push({ name, op, inputs, attributes })
    return name
  }
  const constant = (hint: string, tensor: Extract<AttributeValue, { tensor: unknown }>['tensor']) =>
    add(hint, 'Const', [], { dtype: { type: tensor.dtype }, value: { tensor } })
  const integers = (values: number | readonly number[]) => {
    const list = typeof values === 'number' ? [values] : values
    const shape = typeof values === 'number' ? [] : [list.length]
    return constant('numbers', { dtype: 'int32', shape, values: Int32Array.from(list) })
  }
  add(INPUT, 'Placeholder', [], { dtype: float, shape: { shape: [-1, network.latentSize] } })
  const shape = add('shape', 'Shape', [INPUT], { T: float, out_type: int })
  const batchSize = add('batch_size', 'StridedSlice', [shape, integers([0]), integers([1]), integers([1])], {
    T: int,
    Index: int,
    begin_mask: { int: 0 },
    end_mask: { int: 0 },
    ellipsis_mask: { int: 0 },
    new_axis_mask: { int: 0 },
    shrink_axis_mask: { int: 1 },
  })
  const weight = (parameter: Parameter) =>
    constant(parameter.name.replaceAll(':', '_'), {
      dtype: 'float32',
      shape: parameter.layout.shape,
      values: network.valuesOf(parameter),
    })
  return { network, training, add, integers, weight, batchSize }
}

function translate(graph: Graph, operation: Operation, x: Value): Value {
  const { add, integers, weight } = graph
  switch (operation.kind) {
    case 'dense': {
      const scope = scopeOf(operation.weight)
      const product = add(`${scope}/product`, 'MatMul', [x.node, weight(operation.weight)], {
        T: float,
        transpose_a: { bool: false },
        transpose_b: { bool: false },
      })
      return withBias(graph, operation, { node: product, shape: operation.weight.layout.shape.slice(1) })
    }
    case 'convolution': {
      const [height, width] = sizes(x).map((size) => size / operation.strides) as [number, number]
      const scope = scopeOf(operation.weight)
      const node = add(`${scope}/convolution`, 'Conv2D', [x.node, weight(operation.weight)], convolution(operation))
      return withBias(graph, operation, { node, shape: [height, width, operation.weight.layout.shape[3] as number] })
    }
    case 'transposed-convolution': {
      const channels = operation.weight.layout.shape[2] as number
      const shape = [...sizes(x).map((size) => size * operation.strides), channels]
      const scope = scopeOf(operation.weight)
      const dimensions = [graph.batchSize, ...shape.map(integers)]
      const full = add(`${scope}/shape`, 'Pack', dimensions, { T: int, N: { int: 4 }, axis: { int: 0 } })
      const inputs = [full, weight(operation.weight), x.node]
      return { node: add(`${scope}/convolution`, 'Conv2DBackpropInput', inputs, convolution(operation)), shape }
    }
    case 'batch-norm':
      return { node: normalised(graph, operation, x), shape: x.shape }
    case 'relu':
      return { node: add('relu', 'Relu', [x.node], { T: float }), shape: x.shape }
    case 'tanh':
      return { node: add('tanh', 'Tanh', [x.node], { T: float }), shape: x.shape }
    case 'reshape': {
      const inputs = [x.node, integers([-1, ...operation.shape])]
      return { node: add('reshape', 'Reshape', inputs, { T: float, Tshape: int }), shape: operation.shape }
    }
    case 'copy-pixels': {
      const doubled = sizes(x).map((size) => 2 * size)
      const node = add('copies', 'ResizeNearestNeighbor', [x.node, integers(doubled)], {
        T: float,
        align_corners: { bool: false },
        half_pixel_centers: { bool: false },
      })
      return { node, shape: [...doubled, x.shape[2] as number] }
    }
    case 'sum': {
      const [a, b] = operation.paths.map((path) => path.reduce((value, next) => translate(graph, next, value), x)) as [
        Value,
        Value,
      ]
      return { node: add('sum', 'AddV2', [a.node, b.node], { T: float }), shape: a.shape }
    }
  }
}

const sizes = ({ shape }: Value): number[] => shape.slice(0, 2)

function withBias({ add, weight }: Graph, { bias }: { bias?: Parameter }, x: Value): Value {
  if (!bias) return x
  const inputs = [x.node, weight(bias)]
  return { ...x, node: add(`${scopeOf(bias)}/sum`, 'BiasAdd', inputs, { T: float, data_format: { text: 'NHWC' } }) }
}

const convolution = ({ strides }: { strides: number }): GraphNode['attributes'] => ({
  T: float,
  strides: { ints: [1, strides, strides, 1] },
  dilations: { ints: [1, 1, 1, 1] },
  padding: { text: 'SAME' },
  explicit_paddings: { ints: [] },
  data_format: { text: 'NHWC' },
  use_cudnn_on_gpu: { bool: true },
})

function normalised({ add, weight, training }: Graph, operation: BatchNormOperation, x: Value): string {
  const { scale, offset, mean, variance, epsilon } = operation
  const scope = scopeOf(scale)
  // TensorFlow wants the running statistics to be empty where it takes those of the batch.
  const none = () =>
    add(`${scope}/none`, 'Const', [], {
      dtype: float,
      value: { tensor: { dtype: 'float32', shape: [0], values: new Float32Array() } },
    })
  const statistics = training ? [none(), none()] : [weight(mean), weight(variance)]
  return add(`${scope}/normal`, 'FusedBatchNormV3', [x.node, weight(scale), weight(offset), ...statistics], {
    T: float,
    U: float,
    epsilon: { float: epsilon },
    exponential_avg_factor: { float: 1 },
    data_format: { text: 'NHWC' },
    is_training: { bool: training },
  })
}
