import type { SeriesName } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import type { Filter } from './filter.js'
import { nodeWidth } from './geometry.js'
import { Axis, Nodes, raise, raiseAxis } from './nodes.js'
import { levelOf, plan } from './plan.js'
import { axisNodes, pointNodes, readRows } from './pyramid.js'
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
  /** Without it the axis is not read, and empty. */
  withAxis: boolean
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
  { names, resolution, spans, closed, filter, withAxis }: BucketRequest,
): Promise<{ series: Map<SeriesName, SeriesBuckets>; axis: Axis }> {
  const level = levelOf(resolution)
  // A filter that no node holds needs every point.
  const storedLevel = filter === null || filter.stored ? level : 0
  const intervals = spans.flatMap((span) => plan(span, storedLevel, closed))
  const rawSpans = intervals.filter((interval) => interval.level === 0)
  const segments = await readSegments(tx, jobId, names, await reach(tx, jobId, rawSpans, filter))
  const wholeNodes = intervals.filter((interval) => interval.level > 0)
  const stored = await readRows(tx, jobId, names, wholeNodes, { withAxis })
  const width = level === 0 ? resolution : nodeWidth(1)
  const series = names.map((name): [SeriesName, SeriesBuckets] => {
    const points = columnOf(segments, name)
    let nodes = pointNodes(points, rawSpans, width)
    for (let at = 1; at <= level; at++) {
      nodes = raise(nodes, stored.get(at)?.series.get(name) ?? new Nodes(0), widthOver(at, level, resolution))
    }
    return [name, { nodes, points }]
  })
  let axis = withAxis ? axisNodes(segments, rawSpans, width) : new Axis(0)
  for (let at = 1; at <= level; at++)
    axis = raiseAxis(axis, stored.get(at)?.axis ?? new Axis(0), widthOver(at, level, resolution))
  return { series: new Map(series), axis }
}

/** From the points' nodes up, level by level, the stored ones of each joining in. */
const widthOver = (at: number, level: number, resolution: number) => (at === level ? resolution : nodeWidth(at + 1))

/** The spans with as many points around each as the filter looks at. */
async function reach(tx: Transaction, jobId: string, spans: readonly Steps[], filter: Filter | null): Promise<Steps[]> {
  if (filter === null) return [...spans]
  const wide: Steps[] = []
  for (const span of spans) wide.push(await widen(tx, jobId, span, filter))
  return wide
}
