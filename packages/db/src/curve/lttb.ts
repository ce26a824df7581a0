// MinMaxLTTB: largest triangle three buckets over the extremes of finer buckets instead of over every point, which keeps the line's shape and
// costs what is shown. Van Der Donckt et al., arXiv 2305.00332; Steinarsson, "Downsampling time series for visual representation", 2013.
import { Nodes } from './nodes.js'

/** Finer buckets per point that is shown. */
export const CANDIDATES = 4

/** At most `maxPoints` of the extremes of `nodes`, each a node of its own at its bucket's first step or, the later one, at its middle. */
export function pickPoints(nodes: Nodes, resolution: number, maxPoints: number): Nodes {
  const candidates = extremesOf(nodes, resolution)
  const picked = new Nodes(candidates.length)
  for (const i of largestTriangles(candidates, maxPoints)) picked.addNode(candidates.x[i]!, candidates, i)
  return picked
}

function extremesOf(nodes: Nodes, resolution: number): Nodes {
  const extremes = new Nodes(nodes.length * 2)
  for (let i = 0; i < nodes.length; i++) {
    if (nodes.n[i] === 0) continue
    const [x, at, median] = [nodes.x[i]!, nodes.at[i]!, nodes.median[i]!]
    const [min, max] = [nodes.min[i]!, nodes.max[i]!]
    // Nobody knows their order within the bucket: the one nearer to what came before goes first.
    const before = extremes.length > 0 ? extremes.last[extremes.length - 1]! : min
    const [first, second] = Math.abs(before - min) <= Math.abs(before - max) ? [min, max] : [max, min]
    extremes.addPoint(x, first, at)
    extremes.median[extremes.length - 1] = median
    if (resolution === 1 || first === second) continue
    extremes.addPoint(x + resolution / 2, second, at)
    extremes.median[extremes.length - 1] = median
  }
  return extremes
}

function largestTriangles({ x, last: y, length }: Nodes, count: number): number[] {
  if (length <= count || count < 3) return Array.from({ length: Math.min(length, count) }, (_, i) => i)
  const picked = [0]
  const width = (length - 2) / (count - 2)
  for (let bucket = 0; bucket < count - 2; bucket++) {
    const start = Math.floor(bucket * width) + 1
    const end = Math.floor((bucket + 1) * width) + 1
    const next = Math.min(Math.floor((bucket + 2) * width) + 1, length)
    const center = { x: 0, y: 0 }
    for (let i = end; i < next; i++) {
      center.x += x[i]! / (next - end)
      center.y += y[i]! / (next - end)
    }
    const from = picked.at(-1)!
    let [best, largest] = [start, -1]
    for (let i = start; i < end; i++) {
      const area = Math.abs((x[from]! - center.x) * (y[i]! - y[from]!) - (x[from]! - x[i]!) * (center.y - y[from]!))
      if (area > largest) [best, largest] = [i, area]
    }
    picked.push(best)
  }
  return [...picked, length - 1]
}
