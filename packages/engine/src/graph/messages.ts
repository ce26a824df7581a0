import { createRequire } from 'node:module'
import { dtypeNumbers, type GraphDtype, sizeOf, type Values } from './native.js'

// TensorFlow's protocol buffers as tfjs-node ships them (generated JavaScript without types).

interface Message {
  serializeBinary(): Uint8Array
  [setter: `set${string}`]: (value: unknown) => void
  addMetaGraphs(value: Message): void
  getAttrMap(): Map<string, Message>
  getInputsMap(): Map<string, Message>
  getOutputsMap(): Map<string, Message>
  getSignatureDefMap(): Map<string, Message>
}
type MessageClass = new () => Message

interface Messages {
  AttrValue: MessageClass & { ListValue: MessageClass }
  GraphDef: MessageClass
  MetaGraphDef: MessageClass & { MetaInfoDef: MessageClass }
  NodeDef: MessageClass
  SavedModel: MessageClass
  SignatureDef: MessageClass
  Tensor: MessageClass
  TensorInfo: MessageClass
  TensorShape: MessageClass & { Dim: MessageClass }
  VersionDef: MessageClass
}

const messages = (): Messages =>
  createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js') as Messages

/** Sets fields by their setters: `{ Name: x }` calls `setName(x)`. */
function make(kind: MessageClass, fields: Record<string, unknown>): Message {
  const message = new kind()
  for (const [field, value] of Object.entries(fields)) message[`set${field}`]?.(value)
  return message
}

export type AttributeValue =
  | { type: GraphDtype }
  | { int: number }
  | { float: number }
  | { bool: boolean }
  | { text: string }
  | { shape: readonly number[] }
  | { ints: readonly number[] }
  | { floats: readonly number[] }
  | { tensor: { dtype: GraphDtype; shape: readonly number[]; values: Values } }

export interface GraphNode {
  name: string
  op: string
  /** `node`, `node:1` for a further output, `^node` for a control edge. */
  inputs: readonly string[]
  attributes: Readonly<Record<string, AttributeValue>>
}

const text = (value: string): string => Buffer.from(value).toString('base64')

function shapeMessage({ TensorShape }: Messages, shape: readonly number[]): Message {
  return make(TensorShape, { DimList: shape.map((size) => make(TensorShape.Dim, { Size: size })) })
}

function attributeMessage(pb: Messages, value: AttributeValue): Message {
  const list = (fields: Record<string, unknown>) => ({ List: make(pb.AttrValue.ListValue, fields) })
  const fields = (): Record<string, unknown> => {
    if ('type' in value) return { Type: dtypeNumbers[value.type] }
    if ('int' in value) return { I: value.int }
    if ('float' in value) return { F: value.float }
    if ('bool' in value) return { B: value.bool }
    if ('text' in value) return { S: text(value.text) }
    if ('shape' in value) return { Shape: shapeMessage(pb, value.shape) }
    if ('ints' in value) return list({ IList: value.ints })
    if ('floats' in value) return list({ FList: value.floats })
    return { Tensor: tensorMessage(pb, value.tensor) }
  }
  return make(pb.AttrValue, fields())
}

function tensorMessage(
  pb: Messages,
  { dtype, shape, values }: { dtype: GraphDtype; shape: readonly number[]; values: Values },
): Message {
  if (values.length !== sizeOf(shape)) throw new RangeError(`${values.length} values for [${shape.join(', ')}]`)
  return make(pb.Tensor, {
    Dtype: dtypeNumbers[dtype],
    TensorShape: shapeMessage(pb, shape),
    TensorContent: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
  })
}

/** A tensor that a signature names: the first output of a node, float32; −1 leaves a size open. */
interface SignaturePort {
  node: string
  shape: readonly number[]
}

export interface Signature {
  inputs: Readonly<Record<string, SignaturePort>>
  outputs: Readonly<Record<string, SignaturePort>>
}

function signatureMessage(pb: Messages, { inputs, outputs }: Signature): Message {
  const message = make(pb.SignatureDef, { MethodName: 'tensorflow/serving/predict' })
  const fill = (map: Map<string, Message>, ports: Signature['inputs']) => {
    for (const [key, { node, shape }] of Object.entries(ports)) {
      const fields = { Name: `${node}:0`, Dtype: dtypeNumbers.float32, TensorShape: shapeMessage(pb, shape) }
      map.set(key, make(pb.TensorInfo, fields))
    }
  }
  fill(message.getInputsMap(), inputs)
  fill(message.getOutputsMap(), outputs)
  return message
}

/** A GraphDef's producer: any of the last years, as older ones would get the semantics of ops of their time. */
const PRODUCER = 1395

function graphMessage(pb: Messages, nodes: readonly GraphNode[], producer: number): Message {
  const nodeMessages = nodes.map(({ name, op, inputs, attributes }) => {
    const node = make(pb.NodeDef, { Name: name, Op: op, InputList: [...inputs] })
    const map = node.getAttrMap()
    for (const [key, value] of Object.entries(attributes)) map.set(key, attributeMessage(pb, value))
    return node
  })
  return make(pb.GraphDef, {
    NodeList: nodeMessages,
    Versions: make(pb.VersionDef, { Producer: producer, MinConsumer: 12 }),
  })
}

/** The bytes of a GraphDef: what a frozen graph's `.pb` file is. */
export const graphDefBytes = (nodes: readonly GraphNode[], producer = PRODUCER): Uint8Array =>
  graphMessage(messages(), nodes, producer).serializeBinary()

/** The bytes of a `saved_model.pb` that holds one graph under the tag `serve`, with the signature `serving_default` if one is given. */
export function savedModelBytes(nodes: readonly GraphNode[], signature?: Signature): Uint8Array {
  const pb = messages()
  const metaGraph = make(pb.MetaGraphDef, {
    MetaInfoDef: make(pb.MetaGraphDef.MetaInfoDef, { TagsList: ['serve'] }),
    GraphDef: graphMessage(pb, nodes, PRODUCER),
  })
  if (signature) metaGraph.getSignatureDefMap().set('serving_default', signatureMessage(pb, signature))
  const model = make(pb.SavedModel, { SavedModelSchemaVersion: 1 })
  model.addMetaGraphs(metaGraph)
  return model.serializeBinary()
}
