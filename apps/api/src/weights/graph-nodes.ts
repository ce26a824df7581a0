import { open } from 'node:fs/promises'

/** A node of a TensorFlow graph, without its attributes: those hold the weights. */
export interface GraphNode {
  name: string
  op: string
  /** The nodes before it: `name`, `name:output` or `^name`. */
  inputs: string[]
}

/** Those of functions counted in. */
const MAX_NODES = 100_000
/** Of a network there is some ten per node. */
const MAX_FIELDS = 2_000_000
/** Of all names together. */
const MAX_ALL_TEXT_BYTES = 2 ** 24
/** Names and ops are short; what claims to be longer is none. */
const MAX_TEXT_BYTES = 1000
const CHUNK_BYTES = 2 ** 14

/** Field numbers of tensorflow/core/framework/{graph,function,node_def}.proto. */
const graph = { node: 1, library: 2, versionNumber: 3, versions: 4, debugInfo: 5 }
const functionLibrary = { function: 1, gradient: 2, registeredGradients: 3 }
const functionDef = { signature: 1, node: 3, ret: 4, attr: 5, controlRet: 6, argAttr: 7, resourceArgUniqueId: 8 }
const node = { name: 1, op: 2, input: 3, device: 4, attr: 5, debugInfo: 6, type: 7 }

interface Field {
  number: number
  /** 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
  type: number
  begin: number
  end: number
}

/**
 * The nodes of a GraphDef file, those of its function library last, or what is wrong with the layout. Read field by field with the weights
 * passed over: a file of any size takes what its names take. What TensorFlow might read otherwise than this does is a fault.
 */
export async function readGraphNodes(path: string): Promise<{ nodes: GraphNode[] } | { fault: string }> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const reader = createReader(async (at, into) => (await file.read(into, 0, into.length, at)).bytesRead)
    const nodes: GraphNode[] = []
    const inLibrary: GraphNode[] = []
    for await (const field of known(graph, reader.fields(0, size))) {
      if (field.number === graph.node) nodes.push(await nodeIn(reader, field))
      else if (field.number === graph.library) await readLibrary(reader, field, inLibrary)
      if (nodes.length + inLibrary.length > MAX_NODES) throw tooMany()
    }
    return nodes.length === 0 ? { fault: 'it has no nodes' } : { nodes: [...nodes, ...inLibrary] }
  } catch (error) {
    if (error instanceof LayoutError) return { fault: error.message }
    throw error
  } finally {
    await file.close()
  }
}

class LayoutError extends Error {}

const tooMany = () => new LayoutError(`it has more than ${MAX_NODES} nodes`)

/** An unknown field could be one that TensorFlow knows. */
async function* known(message: Readonly<Record<string, number>>, fields: AsyncIterable<Field>): AsyncGenerator<Field> {
  for await (const field of fields) {
    if (!Object.values(message).includes(field.number))
      throw new LayoutError(`it holds a field ${field.number} where no graph has one`)
    yield field
  }
}

type Reader = ReturnType<typeof createReader>

async function readLibrary(reader: Reader, library: Field, into: GraphNode[]): Promise<void> {
  for await (const one of known(functionLibrary, reader.inside(library))) {
    if (one.number !== functionLibrary.function) continue
    for await (const field of known(functionDef, reader.inside(one))) {
      if (field.number === functionDef.node) into.push(await nodeIn(reader, field))
      if (into.length > MAX_NODES) throw tooMany()
    }
  }
}

async function nodeIn(reader: Reader, field: Field): Promise<GraphNode> {
  const found: GraphNode = { name: '', op: '', inputs: [] }
  for await (const part of known(node, reader.inside(field))) {
    if (part.number === node.name) found.name = await reader.text(part)
    if (part.number === node.op) found.op = await reader.text(part)
    if (part.number === node.input) found.inputs.push(await reader.text(part))
  }
  if (found.name === '' || found.op === '') throw new LayoutError('it has a node without a name or an op')
  return found
}

/** Protocol buffers on the wire: https://protobuf.dev/programming-guides/encoding */
function createReader(read: (at: number, into: Uint8Array) => Promise<number>) {
  const chunk = new Uint8Array(CHUNK_BYTES)
  let [from, to] = [0, 0]
  let [fieldsLeft, textLeft] = [MAX_FIELDS, MAX_ALL_TEXT_BYTES]
  const byteAt = async (at: number): Promise<number> => {
    if (at < from || at >= to) [from, to] = [at, at + (await read(at, chunk))]
    if (at >= to) throw new LayoutError('it is cut short')
    return chunk[at - from] as number
  }
  const varint = async (at: number): Promise<{ value: number; next: number }> => {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = await byteAt(at + i)
      value += (byte & 127) * 128 ** i
      if (byte < 128) return { value, next: at + i + 1 }
    }
    throw new LayoutError('a number in it does not end')
  }
  async function fieldAt(at: number, end: number): Promise<Field> {
    if (--fieldsLeft < 0) throw new LayoutError(`it has more than ${MAX_FIELDS} fields`)
    const { value: tag, next } = await varint(at)
    // Of these TensorFlow reads 32 bits, and finds another field than is named here.
    if (tag >= 2 ** 32) throw new LayoutError(`the tag at byte ${at} is longer than 32 bits`)
    const [number, type] = [Math.floor(tag / 8), tag % 8]
    const sized = async (): Promise<[number, number]> => {
      if (type === 0) return [next, (await varint(next)).next]
      if (type === 1) return [next, next + 8]
      if (type === 5) return [next, next + 4]
      if (type !== 2) throw new LayoutError(`at byte ${at} is no field`)
      const { value: length, next: begin } = await varint(next)
      return [begin, begin + length]
    }
    const [begin, fieldEnd] = await sized()
    if (number === 0 || fieldEnd > end) throw new LayoutError(`the field at byte ${at} does not fit into the file`)
    return { number, type, begin, end: fieldEnd }
  }
  async function* fields(begin: number, end: number): AsyncGenerator<Field> {
    for (let at = begin; at < end;) {
      const field = await fieldAt(at, end)
      yield field
      at = field.end
    }
  }
  return {
    fields,
    inside({ number, type, begin, end }: Field) {
      if (type !== 2) throw new LayoutError(`field ${number} holds a number where a message belongs`)
      return fields(begin, end)
    },
    async text({ type, begin, end }: Field): Promise<string> {
      if (type !== 2 || end - begin > MAX_TEXT_BYTES) throw new LayoutError('a name in it is no text')
      textLeft -= end - begin
      if (textLeft < 0) throw new LayoutError(`its names take more than ${MAX_ALL_TEXT_BYTES} bytes`)
      const bytes = new Uint8Array(end - begin)
      for (let i = 0; i < bytes.length; i++) bytes[i] = await byteAt(begin + i)
      return new TextDecoder().decode(bytes)
    },
  }
}
