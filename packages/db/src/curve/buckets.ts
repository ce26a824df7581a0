import { type CurveSeries, type SeriesName, toWire } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import type { Filter } from './filter.js'
import { FANOUT, nodeWidth } from './geometry.js'
import { Nodes, raise } from './nodes.js'
import { levelOf, plan } from './plan.js'
import { pointNodes, readRows } from './pyramid.js'
import { type Column, columnOf } from './segment.js'
import { readSegments, type Steps, widen } from './segments.js'

export interface BucketRequest {
  names: readonly SeriesName[]
  /** A power of two. */
  resolution: number
  /** What is wanted: whole buckets, or buckets cut by the range. */
  spans: readonly Steps[]
  /** Chunks that are in the pyramid. */
  closed: number
  filter: Filter | null
}

/** Buckets of one series, and the raw points that some of them end with. */
export interface SeriesBuckets {
  nodes: Nodes
  points: Column
}

/** Reads stored nodes where they lie in a bucket wholly, and points at the edges and where nothing is rolled up yet. */
export async function readBuckets(
  tx: Transaction,
  jobId: string,
  { names, resolution, spans, closed, filter }: BucketRequest,
): Promise<Map<SeriesName, SeriesBuckets>> {
  const level = levelOf(resolution)
  // A filter that no node holds needs every point.
  const storedLevel = filter === null || filter.stored ? level : 0
  const intervals = spans.flatMap((span) => plan(span, storedLevel, closed))
  const rawSpans = intervals.filter((interval) => interval.level === 0)
  const segments = await readSegments(tx, jobId, names, await reach(tx, jobId, rawSpans, filter))
  const stored: Map<SeriesName, Nodes>[] = []
  for (let at = 1; at <= storedLevel; at++) {
    const ofLevel = intervals.filter((interval) => interval.level === at)
    if (ofLevel.length > 0) stored[at] = (await readRows(tx, jobId, at, names, ofLevel)).series
  }
  return new Map(
    names.map((name) => {
      const points = columnOf(segments, name)
      const nodes = gather(pointNodes(points, rawSpans, level === 0 ? resolution : FANOUT), level, resolution, (at) =>
        stored[at]?.get(name),
      )
      return [name, { nodes, points }]
    }),
  )
}

/** From the points' nodes up, level by level, the stored ones of each joining in. */
function gather(
  fromPoints: Nodes,
  level: number,
  resolution: number,
  stored: (level: number) => Nodes | undefined,
): Nodes {
  let nodes = fromPoints
  for (let at = 1; at <= level; at++) {
    nodes = raise(nodes, stored(at) ?? new Nodes(0), at === level ? resolution : nodeWidth(at + 1))
  }
  return nodes
}

/** The spans with as many points around each as the filter looks at. */
async function reach(tx: Transaction, jobId: string, spans: readonly Steps[], filter: Filter | null): Promise<Steps[]> {
  if (filter === null) return [...spans]
  const wide: Steps[] = []
  for (const span of spans) wide.push(await widen(tx, jobId, span, filter))
  return wide
}

/** Columns as they travel. */
export function toSeries({ nodes, points }: SeriesBuckets, filter: Filter | null): CurveSeries {
  const series: CurveSeries = { x: [], last: [], min: [], max: [], mean: [], n: [], bad: [] }
  const smooth: (number | null)[] = []
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes.n[i]!
    series.x.push(nodes.x[i]!)
    series.last.push(toWire(nodes.last[i]!))
    series.min.push(n === 0 ? null : nodes.min[i]!)
    series.max.push(n === 0 ? null : nodes.max[i]!)
    series.mean.push(n === 0 ? null : nodes.mean(i))
    series.n.push(n)
    series.bad.push(nodes.points(i) - n)
    if (filter !== null) smooth.push(smoothAt({ nodes, points }, filter, i))
  }
  return filter === null ? series : { ...series, smooth }
}

function smoothAt({ nodes, points }: SeriesBuckets, filter: Filter, i: number): number | null {
  const at = nodes.at[i]!
  const value = at < 0 ? nodes.median[i]! : filter.at(points.values, at)
  return Number.isNaN(value) ? null : value
}
