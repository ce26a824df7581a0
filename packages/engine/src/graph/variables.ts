import type { Variable } from '@tensorflow/tfjs-node-gpu'
import type { GraphBuilder } from './graph-builder.js'
import { graphBackend } from './native.js'
import { type Session, takeValues } from './session.js'

/** Variables per native call when all are moved: bounds what is in flight at once. */
const CHUNK = 32

/** The nodes around one resource variable. */
interface Resource {
  handle: string
  /** Placeholder for a new value, and the node to fetch that takes it in. */
  feed: string
  store: string
  read: string
}

/** tfjs variables and their twins inside a graph. */
export interface GraphVariables {
  handles: readonly string[]
  /** Copies tfjs's values into the graph. */
  push(session: Session, indices?: readonly number[]): void
  /** Copies of the graph's values; the tfjs variables stay as they are. */
  read(session: Session, indices: readonly number[]): Float32Array[]
  /** Gives tfjs the graph's values, on the CPU without copying them. */
  pull(session: Session, indices?: readonly number[]): void
}

export function addVariables(graph: GraphBuilder, variables: readonly Variable[]): GraphVariables {
  const type = { type: 'float32' } as const
  const ok = graph.integers([1])
  const resources = variables.map(({ shape }, i): Resource => {
    const scope = `variables/${i}`
    const handle = graph.variable(`${scope}/handle`, shape)
    const feed = graph.add(`${scope}/feed`, 'Placeholder', [], { dtype: type, shape: { shape } })
    // A copy: the fed memory may belong to a JavaScript array, which TensorFlow's threads must not free.
    const copy = graph.add(`${scope}/copy`, 'DeepCopy', [feed], { T: type })
    const assign = graph.add(`${scope}/assign`, 'AssignVariableOp', [handle, copy], { dtype: type })
    const store = graph.add(`${scope}/store`, 'Identity', [ok, `^${assign}`], { T: { type: 'int32' } })
    const read = graph.add(`${scope}/value`, 'ReadVariableOp', [handle], { dtype: type })
    return { handle, feed, store, read }
  })
  const all = variables.map((_, i) => i)
  const at = (i: number) => ({ variable: variables[i] as Variable, resource: resources[i] as Resource })
  return {
    handles: resources.map(({ handle }) => handle),
    push(session, indices = all) {
      const backend = graphBackend()
      for (const chunk of chunks(indices)) {
        const feeds = chunk.map((i) => ({
          node: at(i).resource.feed,
          tensor: backend.getInputTensorIds([at(i).variable])[0] as number,
        }))
        const done = session.run(
          feeds,
          chunk.map((i) => at(i).resource.store),
        )
        for (const { id } of done) backend.binding.deleteTensor(id)
      }
    },
    read: (session, indices) =>
      chunks(indices).flatMap((chunk) =>
        takeValues(
          session.run(
            [],
            chunk.map((i) => at(i).resource.read),
          ),
        ),
      ),
    pull(session, indices = all) {
      const backend = graphBackend()
      for (const chunk of chunks(indices)) {
        const fetched = session.run(
          [],
          chunk.map((i) => at(i).resource.read),
        )
        fetched.forEach((handle, k) => {
          const value = backend.createOutputTensor(handle)
          at(chunk[k] as number).variable.assign(value)
          value.dispose()
        })
      }
    },
  }
}

const chunks = (indices: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(indices.length / CHUNK) }, (_, i) => indices.slice(i * CHUNK, (i + 1) * CHUNK))
