// ONNX: one graph with the weights inside. Images are [n, channels, height, width] there, as its operators and PyTorch have them.
import type { BatchNormOperation, Operation } from '../architectures/operation.js'
import type { Parameter } from '../architectures/parameter.js'
import {
  type ExportedBatchNorm,
  type ExportedFile,
  type ExportedNetwork,
  INPUT,
  OUTPUT,
  samePadding,
  scopeOf,
} from './exported-network.js'
import { type OnnxAttribute, onnxBytes, type OnnxNode, type OnnxTensor } from './onnx-messages.js'

interface Graph {
  network: ExportedNetwork
  training: boolean
  /** Returns the name of the node and of its output. */
  add: (hint: string, op: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>) => string
  constant: (hint: string, values: OnnxTensor['values'], shape: readonly number[]) => string
}

export function onnx(network: ExportedNetwork, batchNorm: ExportedBatchNorm): ExportedFile[] {
  const { latentSize, imageSize, channels, operations } = network
  const nodes: OnnxNode[] = []
  const tensors: OnnxTensor[] = []
  const graph = createGraph(network, batchNorm === 'batch', { nodes, tensors })
  const last = operations.reduce((x, operation) => translate(graph, operation, x), INPUT)
  graph.add(OUTPUT, 'Identity', [last])
  const bytes = onnxBytes({
    nodes,
    tensors,
    input: { name: INPUT, shape: ['n', latentSize] },
    output: { name: OUTPUT, shape: ['n', channels, imageSize, imageSize] },
  })
  return [{ name: 'generator.onnx', bytes }]
}

function createGraph(
  network: ExportedNetwork,
  training: boolean,
  { nodes, tensors }: { nodes: OnnxNode[]; tensors: OnnxTensor[] },
): Graph {
  const counts = new Map<string, number>()
  const unique = (hint: string) => {
    const count = counts.get(hint) ?? 0
    counts.set(hint, count + 1)
    return count === 0 ? hint : `${hint}_${count}`
  }
  return {
    network,
    training,
    add(hint, op, inputs, attributes = {}) {
      const output = unique(hint)
      nodes.push({ op, inputs, output, attributes })
      return output
    },
    constant(hint, values, shape) {
      const name = unique(hint)
      tensors.push({ name, values, shape })
      return name
    },
  }
}

function translate(graph: Graph, operation: Operation, x: string): string {
  const { add } = graph
  switch (operation.kind) {
    case 'dense': {
      const { weight: matrix, bias } = operation
      return add(`${scopeOf(matrix)}/product`, 'Gemm', [
        x,
        weight(graph, matrix),
        ...(bias ? [weight(graph, bias)] : []),
      ])
    }
    case 'convolution':
      return convolution(graph, 'Conv', operation, x)
    case 'transposed-convolution':
      return convolution(graph, 'ConvTranspose', operation, x)
    case 'batch-norm':
      return graph.training ? batchStatistics(graph, operation, x) : runningStatistics(graph, operation, x)
    case 'relu':
      return add('relu', 'Relu', [x])
    case 'tanh':
      return add('tanh', 'Tanh', [x])
    case 'reshape': {
      // Rows hold images with their channels last.
      const shape = BigInt64Array.from([-1, ...operation.shape].map(BigInt))
      const images = add('reshape', 'Reshape', [x, graph.constant('shape', shape, [shape.length])])
      return operation.shape.length === 3
        ? add('planes', 'Transpose', [images], { perm: { ints: [0, 3, 1, 2] } })
        : images
    }
    case 'copy-pixels': {
      const scales = graph.constant('scales', Float32Array.of(1, 1, 2, 2), [4])
      return add('copies', 'Resize', [x, '', scales], {
        mode: { text: 'nearest' },
        coordinate_transformation_mode: { text: 'asymmetric' },
        nearest_mode: { text: 'floor' },
      })
    }
    case 'sum': {
      const ends = operation.paths.map((path) => path.reduce((value, next) => translate(graph, next, value), x))
      return add('sum', 'Add', ends)
    }
  }
}

/** As TensorFlow has it: matrices [from, to] and vectors, which ONNX takes alike. */
const weight = ({ network, constant }: Graph, parameter: Parameter): string =>
  constant(parameter.name, network.valuesOf(parameter), parameter.layout.shape)

function convolution(
  graph: Graph,
  op: 'Conv' | 'ConvTranspose',
  { weight: filter, bias, strides }: { weight: Parameter; bias?: Parameter; strides: number },
  x: string,
): string {
  // PyTorch's own layout is ONNX', for either kind.
  const kernel = graph.constant(filter.name, graph.network.torchValuesOf(filter), filter.torchShape)
  const size = filter.torchShape[3] as number
  const [before, after] = samePadding(size, strides)
  return graph.add(`${scopeOf(filter)}/convolution`, op, [x, kernel, ...(bias ? [weight(graph, bias)] : [])], {
    kernel_shape: { ints: [size, size] },
    strides: { ints: [strides, strides] },
    pads: { ints: [before, before, after, after] },
  })
}

function runningStatistics(graph: Graph, { scale, offset, mean, variance, epsilon }: BatchNormOperation, x: string) {
  const inputs = [scale, offset, mean, variance].map((parameter) => weight(graph, parameter))
  return graph.add(`${scopeOf(scale)}/normal`, 'BatchNormalization', [x, ...inputs], { epsilon: { float: epsilon } })
}

/** Runtimes for inference leave out the operator's training mode, so it is written out. */
function batchStatistics(graph: Graph, { scale, offset, epsilon }: BatchNormOperation, x: string): string {
  const scope = scopeOf(scale)
  const add = (hint: string, op: string, inputs: string[], attributes?: Record<string, OnnxAttribute>) =>
    graph.add(`${scope}/${hint}`, op, inputs, attributes)
  const mean = (of: string) => add('mean', 'ReduceMean', [of], { axes: { ints: [0, 2, 3] }, keepdims: { int: 1 } })
  const perChannel = (parameter: Parameter) =>
    graph.constant(parameter.name, graph.network.valuesOf(parameter), [1, ...parameter.layout.shape, 1, 1])
  const centred = add('centred', 'Sub', [x, mean(x)])
  const variance = mean(add('square', 'Mul', [centred, centred]))
  const shifted = add('shifted', 'Add', [variance, graph.constant(`${scope}/epsilon`, Float32Array.of(epsilon), [])])
  const normal = add('normal', 'Div', [centred, add('deviation', 'Sqrt', [shifted])])
  return add('offset', 'Add', [add('scaled', 'Mul', [normal, perChannel(scale)]), perChannel(offset)])
}
