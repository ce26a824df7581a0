import { completeRows, nodeWidth, rowWidth } from './geometry.js'
import type { Steps } from './segments.js'

/** Where a span is read: nodes of this level that lie in it wholly, or points for level 0. */
export interface Interval extends Steps {
  level: number
}

/** The highest level whose nodes fit into buckets of this width, a power of two. */
export function levelOf(resolution: number): number {
  let level = 0
  while (nodeWidth(level + 1) <= resolution) level++
  return level
}

/**
 * The span as the coarsest nodes that are stored and lie in it wholly, ascending: at most 2·8 nodes per level below the asked one at its
 * edges, and 256 per level between what is rolled up and what is not.
 */
export function plan({ first, last }: Steps, level: number, closed: number): Interval[] {
  if (first > last) return []
  if (level === 0) return [{ level, first, last }]
  const width = nodeWidth(level)
  const stored = completeRows(level, closed) * rowWidth(level)
  const from = Math.ceil(first / width) * width
  const to = Math.min(Math.floor((last + 1) / width) * width, stored)
  if (from >= to) return plan({ first, last }, level - 1, closed)
  return [
    ...plan({ first, last: from - 1 }, level - 1, closed),
    { level, first: from, last: to - 1 },
    ...plan({ first: to, last }, level - 1, closed),
  ]
}
