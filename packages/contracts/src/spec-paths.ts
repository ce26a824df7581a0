import type { z } from 'zod'
import { JobSpecInput } from './job-spec.js'

/** What the walk below needs to know of a zod schema. */
interface Node {
  def: { innerType?: Node; in?: Node; options?: Node[]; shape?: Record<string, Node> }
}

function leavesOf({ def: { innerType, in: input, options, shape } }: Node): string[] {
  if (innerType ?? input) return leavesOf((innerType ?? input)!)
  if (options) return options.flatMap(leavesOf)
  if (!shape) return ['']
  return Object.entries(shape).flatMap(([key, inner]) =>
    leavesOf(inner).map((leaf) => (leaf === '' ? key : `${key}.${leaf}`)),
  )
}

/** Every leaf of a spec, as `optimizer.criticLearningRate`; where a `kind` decides, those of every kind. */
export const specPaths: readonly string[] = [...new Set(leavesOf(JobSpecInput satisfies z.ZodType as unknown as Node))]

/** `{"a.b": 1, "a.c": 2}` into `{a: {b: 1, c: 2}}`. */
export function nestPaths(flat: Record<string, unknown>): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split('.')
    const last = keys.pop()!
    let at = root
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>
    at[last] = value
  }
  return root
}
