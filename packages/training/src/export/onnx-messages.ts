// The part of ONNX' protocol buffers that a generator needs: onnx/onnx.proto3 of the ONNX project, with its field numbers.
import protobuf from 'protobufjs/light.js'

const one = (id: number, type: string) => ({ id, type })
const many = (id: number, type: string) => ({ id, type, rule: 'repeated' })

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one(1, 'int64'),
        producerName: one(2, 'string'),
        graph: one(7, 'GraphProto'),
        opsetImport: many(8, 'OperatorSetIdProto'),
      },
    },
    OperatorSetIdProto: { fields: { domain: one(1, 'string'), version: one(2, 'int64') } },
    GraphProto: {
      fields: {
        node: many(1, 'NodeProto'),
        name: one(2, 'string'),
        initializer: many(5, 'TensorProto'),
        input: many(11, 'ValueInfoProto'),
        output: many(12, 'ValueInfoProto'),
      },
    },
    NodeProto: {
      fields: {
        input: many(1, 'string'),
        output: many(2, 'string'),
        name: one(3, 'string'),
        opType: one(4, 'string'),
        attribute: many(5, 'AttributeProto'),
      },
    },
    AttributeProto: {
      fields: {
        name: one(1, 'string'),
        f: one(2, 'float'),
        i: one(3, 'int64'),
        s: one(4, 'bytes'),
        ints: many(8, 'int64'),
        type: one(20, 'int32'),
      },
    },
    TensorProto: {
      fields: {
        dims: many(1, 'int64'),
        dataType: one(2, 'int32'),
        name: one(8, 'string'),
        rawData: one(9, 'bytes'),
      },
    },
    ValueInfoProto: { fields: { name: one(1, 'string'), type: one(2, 'TypeProto') } },
    TypeProto: { fields: { tensorType: one(1, 'TensorType') } },
    TensorType: { fields: { elemType: one(1, 'int32'), shape: one(2, 'TensorShapeProto') } },
    TensorShapeProto: { fields: { dim: many(1, 'Dimension') } },
    Dimension: { fields: { dimValue: one(1, 'int64'), dimParam: one(2, 'string') } },
  },
})

export type OnnxAttribute = { int: number } | { float: number } | { text: string } | { ints: readonly number[] }

export interface OnnxNode {
  op: string
  inputs: readonly string[]
  output: string
  attributes: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxTensor {
  name: string
  shape: readonly number[]
  values: Float32Array | BigInt64Array
}

/** float32; a name in place of a size leaves it open. */
interface OnnxPort {
  name: string
  shape: readonly (number | string)[]
}

export interface OnnxGraph {
  nodes: readonly OnnxNode[]
  tensors: readonly OnnxTensor[]
  input: OnnxPort
  output: OnnxPort
}

/** Numbers of AttributeProto.AttributeType. */
function attribute(name: string, value: OnnxAttribute): object {
  if ('float' in value) return { name, type: 1, f: value.float }
  if ('int' in value) return { name, type: 2, i: value.int }
  if ('text' in value) return { name, type: 3, s: Buffer.from(value.text) }
  return { name, type: 7, ints: value.ints }
}

/** Numbers of TensorProto.DataType. */
const [FLOAT, INT64] = [1, 7]

const port = ({ name, shape }: OnnxPort): object => ({
  name,
  type: {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
    },
  },
})

/** The bytes of an `.onnx` file: IR version 8, operator set 17 (ONNX 1.12, of 2022), which every runtime of today reads. */
export function onnxBytes({ nodes, tensors, input, output }: OnnxGraph): Uint8Array {
  const model = root.lookupType('ModelProto')
  return model
    .encode({
      irVersion: 8,
      producerName: 'kantor',
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'generator',
        node: nodes.map(({ op, inputs, output: to, attributes }) => ({
          name: to,
          opType: op,
          input: inputs,
          output: [to],
          attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        })),
        initializer: tensors.map(({ name, shape, values }) => ({
          name,
          dims: shape,
          dataType: values instanceof Float32Array ? FLOAT : INT64,
          rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        })),
        input: [port(input)],
        output: [port(output)],
      },
    })
    .finish()
}
