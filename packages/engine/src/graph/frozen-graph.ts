import type { Tensor } from '@tensorflow/tfjs-node-gpu'
import { dtypeNumbers, graphBackend } from './native.js'
import { loadSavedModel, takeValues } from './session.js'

/** A graph that TensorFlow does not load, or that does not compute what it was asked for. */
export class FrozenGraphError extends Error {
  override name = 'FrozenGraphError'
}

/** Somebody else's network: a GraphDef whose weights are constants. */
export interface FrozenGraph {
  /** The output for one input, in float32. @throws FrozenGraphError with TensorFlow's words. */
  run(input: Tensor): { values: Float32Array; shape: readonly number[] }
  dispose(): void
}

/**
 * Opens the bytes of a GraphDef, unparsed: whoever sends graphs of strangers here has looked at their ops. `input` and `output` are nodes in
 * it, and any node can be the input: what comes before it does not run. Needs TensorFlow loaded.
 * @throws FrozenGraphError with TensorFlow's words.
 */
export function openFrozenGraph(graph: Uint8Array, { input, output }: { input: string; output: string }): FrozenGraph {
  const { binding } = graphBackend()
  const session = inWords(() => loadSavedModel([savedModelHead(graph.length), graph]))
  return {
    run: (fed) =>
      inWords(() => {
        const handles = binding.runSavedModel(
          session,
          graphBackend().getInputTensorIds([fed]),
          `${input}:0`,
          `${output}:0`,
        )
        const [{ shape, dtype }] = handles as [(typeof handles)[0]]
        const [values] = takeValues(handles)
        if (dtype !== dtypeNumbers.float32) throw new Error(`the output ${output} is not of float32`)
        return { values: values as Float32Array, shape }
      }),
    dispose: () => binding.deleteSavedModel(session),
  }
}

function inWords<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new FrozenGraphError((cause as Error).message, { cause })
  }
}

/**
 * What makes a GraphDef of `size` bytes a SavedModel when it is put in front: field 1 of SavedModel is the schema version, field 2 a
 * MetaGraphDef, whose field 1 holds the tags (field 4) and whose field 2 is the graph (tensorflow/core/protobuf/{saved_model,meta_graph}.proto).
 */
function savedModelHead(size: number): Uint8Array {
  const tags = [0x0a, 0x07, 0x22, 0x05, ...Buffer.from('serve')]
  const graph = [0x12, ...varint(size)]
  return Uint8Array.from([0x08, 0x01, 0x12, ...varint(tags.length + graph.length + size), ...tags, ...graph])
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}
