import type { GraphNode } from './messages.js'
import { Session, takeValues, withTensors } from './session.js'

/**
 * Runs a graph of one's own once, for what tfjs has no words: float64, decompositions. `feeds` by placeholder; each of `fetches` is the first
 * output of a node, and comes in float32. Needs TensorFlow loaded. @throws CompileError when TensorFlow refuses the graph.
 */
export function evaluateGraph<const Fetch extends string>(
  nodes: readonly GraphNode[],
  feeds: Readonly<Record<string, { shape: readonly number[]; values: Float32Array }>>,
  fetches: readonly Fetch[],
): Record<Fetch, Float32Array> {
  const session = new Session(nodes)
  try {
    const names = Object.keys(feeds)
    const tensors = Object.values(feeds).map(({ shape, values }) => ({
      shape: [...shape],
      dtype: 'float32' as const,
      values,
    }))
    const found = withTensors(tensors, (ids) =>
      takeValues(
        session.run(
          ids.map((tensor, i) => ({ node: names[i] as string, tensor })),
          fetches,
        ),
      ),
    )
    return Object.fromEntries(fetches.map((fetch, i) => [fetch, found[i]])) as Record<Fetch, Float32Array>
  } finally {
    session.dispose()
  }
}
