import type { FeatureNetwork, FieldError } from '@kantor/contracts'
import { nearest } from '@kantor/contracts'
import { type GraphNode, readGraphNodes } from './graph-nodes.js'

/**
 * Ops of networks that look at images: numbers in, numbers out. TensorFlow has others that read and write files, call Python, open sockets or
 * keep state, and a graph runs what it holds; so what is not in this list is refused, whatever it is. DecodeJpeg is in it because the Inception
 * graph of 2015 begins with one, and only where it cannot run: before the node that images are put in place of.
 */
const allowedOps = new Set(
  `Abs Add AddN AddV2 All Any ArgMax AvgPool BatchMatMul BatchMatMulV2 BatchNormWithGlobalNormalization BatchToSpaceND BiasAdd BroadcastTo Cast
  Ceil CheckNumerics ClipByValue Concat ConcatV2 Const Conv2D DecodeJpeg DepthToSpace DepthwiseConv2dNative Div Einsum Elu Equal Erf Exp ExpandDims
  Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherV2 Greater GreaterEqual Identity IdentityN L2Loss LRN
  LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mul
  Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault Pow PreventGradient Prod Range Rank RealDiv Reciprocal Relu
  Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt Select SelectV2 Selu Shape Sigmoid Sign Size
  Slice Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StopGradient StridedSlice Sub Sum
  Tanh Tile TopKV2 Transpose Unpack ZerosLike`.split(/\s+/),
)

const MAX_ERRORS = 20
const freezing =
  'a frozen GraphDef is wanted: tf.python.framework.convert_to_constants.convert_variables_to_constants_v2(f).graph.as_graph_def().SerializeToString()'

/** All that keeps a file from being a network to measure by: another format, an op that has no place in one, a node that is not in it. */
export async function inspectGraph(
  path: string,
  { input, output }: Pick<FeatureNetwork, 'input' | 'output'>,
): Promise<FieldError[]> {
  const read = await readGraphNodes(path)
  if ('fault' in read)
    return [{ pointer: '', code: 'invalid', message: `is no TensorFlow graph: ${read.fault}`, hint: freezing }]
  const { nodes } = read
  const errors = [
    ...foreignOps(nodes),
    ...missing('input', input, nodes),
    ...missing('output', output, nodes),
    ...decoders(nodes, { input, output }),
  ]
  return errors.slice(0, MAX_ERRORS)
}

/** One error per op, naming the first node of it. */
function foreignOps(nodes: readonly GraphNode[]): FieldError[] {
  const firsts = new Map<string, string>()
  for (const { name, op } of nodes) if (!allowedOps.has(op) && !firsts.has(op)) firsts.set(op, name)
  return [...firsts].map(([op, name]) => ({
    pointer: '',
    code: 'not-allowed',
    message: `holds the op ${op} (node ${name}), which is not among those that a network may have here`,
    hint: /^(Var|ReadVar|Assign|Restore|Save)/.test(op)
      ? `its variables lie in other files; ${freezing}`
      : 'leave out what is not between images and features: tf.compat.v1.graph_util.extract_sub_graph(graph_def, [output])',
  }))
}

/** Nodes that would decode pictures of the graph's own on the way to the features. */
function decoders(
  nodes: readonly GraphNode[],
  { input, output }: Pick<FeatureNetwork, 'input' | 'output'>,
): FieldError[] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const reached = new Set([input, output])
  for (const name of reached) {
    if (name === input) continue
    const { op, inputs } = byName.get(name) ?? { op: '', inputs: [] }
    if (op === 'DecodeJpeg')
      return [
        {
          pointer: 'input',
          code: 'not-allowed',
          message: `lets the node ${name}, a DecodeJpeg, decode a picture: images go in behind it`,
          hint: '?input=… names the node that images take the place of',
        },
      ]
    for (const one of inputs) reached.add(one.replace(/^\^/, '').replace(/:\d+$/, ''))
  }
  return []
}

function missing(key: 'input' | 'output', name: string, nodes: readonly GraphNode[]): FieldError[] {
  if (nodes.some((node) => node.name === name)) return []
  const names = nodes.map((node) => node.name)
  const placeholders = nodes.filter(({ op }) => op === 'Placeholder').map((node) => node.name)
  const likely = key === 'input' ? placeholders.slice(0, 5) : [nearest(name, names) ?? names.at(-1) ?? '']
  const message = `the graph has no node ${name}`
  return [{ pointer: key, code: 'not-allowed', message, hint: `?${key}=… names one: ${likely.join(', ')}` }]
}
