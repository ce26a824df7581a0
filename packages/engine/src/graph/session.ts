import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompileError } from './compile-error.js'
import { type GraphNode, savedModelBytes } from './messages.js'
import { dtypeNumbers, graphBackend, type Handle, type Values } from './native.js'

export interface Feed {
  /** A Placeholder. */
  node: string
  /** A native tensor's number. */
  tensor: number
}

/** Opens a session by way of a directory, which is gone again afterwards. `parts`: those of `saved_model.pb`, one after the other. */
export function loadSavedModel(parts: readonly Uint8Array[]): number {
  const directory = mkdtempSync(join(tmpdir(), `kantor-graph-${process.pid}-`))
  try {
    for (const part of parts) appendFileSync(join(directory, 'saved_model.pb'), part)
    return graphBackend().binding.loadSavedModel(directory, 'serve')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A TensorFlow session on one graph. Variables live in it. */
export class Session {
  readonly #id: number
  #open = true

  /**
   * @throws CompileError with TensorFlow's words, which name the node: `step/op`.
   */
  constructor(nodes: readonly GraphNode[]) {
    try {
      this.#id = loadSavedModel([savedModelBytes(nodes)])
    } catch (cause) {
      throw new CompileError(`TensorFlow refuses the graph: ${(cause as Error).message}`, { cause })
    }
  }

  /** One native call. Every combination of feeds and fetches is prepared at its first use. The caller frees the results. */
  run(feeds: readonly Feed[], fetches: readonly string[]): Handle[] {
    if (!this.#open) throw new Error('the compiled step has been disposed')
    return graphBackend().binding.runSavedModel(
      this.#id,
      feeds.map(({ tensor }) => tensor),
      feeds.map(({ node }) => `${node}:0`).join(),
      fetches.map((node) => `${node}:0`).join(),
    )
  }

  /** Frees the graph and the variables in it. */
  dispose(): void {
    if (!this.#open) return
    this.#open = false
    graphBackend().binding.deleteSavedModel(this.#id)
  }
}

/** Copies of fetched tensors, which are freed. */
export function takeValues(handles: readonly Handle[]): Float32Array[] {
  const { binding } = graphBackend()
  try {
    return handles.map(({ id }) => binding.tensorDataSync(id) as Float32Array)
  } finally {
    for (const { id } of handles) binding.deleteTensor(id)
  }
}

/** Calls `use` with native tensors of these values and frees them after. */
export function withTensors<T>(
  tensors: readonly { shape: readonly number[]; dtype: 'float32' | 'int32' | 'uint8'; values: Values }[],
  use: (ids: number[]) => T,
): T {
  const { binding } = graphBackend()
  const ids: number[] = []
  try {
    for (const { shape, dtype, values } of tensors) ids.push(binding.createTensor(shape, dtypeNumbers[dtype], values))
    return use(ids)
  } finally {
    for (const id of ids) binding.deleteTensor(id)
  }
}
