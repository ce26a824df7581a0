/** A field of a protocol buffer: `number`, then a length and so many bytes, or a whole number below 128. */
export function protobufField(number: number, content: Buffer | string | number): Buffer {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...varint(value >> 7)])
  if (typeof content === 'number') return Buffer.from([...varint(number * 8), content])
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])
}

/** A node: its op alone, or with the nodes before it and its attributes; `float` is the type of numbers, which is called T or dtype. */
type Node = string | { op: string; inputs?: string[]; attributes: Record<string, string | number[]> }

/** AttrValue: text is field 2, a type field 6 (float32 is 1), a list of numbers field 3 of field 1. */
function attributeValue(value: string | number[]): Buffer {
  if (value === 'float') return protobufField(6, 1)
  if (typeof value === 'string') return protobufField(2, value)
  return protobufField(1, Buffer.concat(value.map((one) => protobufField(3, one))))
}

function nodeBytes(name: string, node: Node, weightBytes: number): Buffer {
  const { op, inputs = [], attributes } = typeof node === 'string' ? { op: node, attributes: undefined } : node
  const entries = Object.entries(attributes ?? {}).map(([key, value]) =>
    Buffer.concat([protobufField(1, key), protobufField(2, attributeValue(value))]),
  )
  // What stands for weights is in no attribute that means anything, and such a node cannot be run.
  const all = attributes ? entries : [Buffer.alloc(weightBytes, 0x0a)]
  return Buffer.concat([
    protobufField(1, name),
    protobufField(2, op),
    ...inputs.map((input) => protobufField(3, input)),
    ...all.map((entry) => protobufField(5, entry)),
  ])
}

/** A frozen TensorFlow graph, a GraphDef: its nodes by name, those of a function in its library, and its version. */
export function graphBytes(
  nodes: Readonly<Record<string, Node>>,
  { ofFunction = {}, weightBytes = 20 }: { ofFunction?: Readonly<Record<string, Node>>; weightBytes?: number } = {},
): Buffer {
  const all = (number: number, some: Readonly<Record<string, Node>>) =>
    Object.entries(some).map(([name, node]) => protobufField(number, nodeBytes(name, node, weightBytes)))
  const inside = all(3, ofFunction)
  const library = inside.length === 0 ? [] : [protobufField(2, protobufField(1, Buffer.concat(inside)))]
  return Buffer.concat([...all(1, nodes), ...library, protobufField(4, protobufField(1, 23))])
}
