import { type CurveAggregate, type CurveSeries, toWire } from '@kantor/contracts'
import type { SeriesBuckets } from './buckets.js'
import type { Filter } from './filter.js'
import type { Nodes } from './nodes.js'

export interface SeriesOptions {
  agg: CurveAggregate
  filter: Filter | null
  /** Where a bucket's newest point is on another axis; null on that of generator steps. */
  place: ((x: number) => number | null) | null
}

const columnsOf: Record<CurveAggregate, readonly ('last' | 'min' | 'max' | 'mean')[]> = {
  minmax: ['last', 'min', 'max', 'mean'],
  mean: ['mean'],
  last: ['last'],
  lttb: ['last'],
  none: ['last'],
}

/** Columns as they travel. */
export function toSeries(buckets: SeriesBuckets, { agg, filter, place }: SeriesOptions): CurveSeries {
  const { nodes } = buckets
  const indices = Array.from({ length: nodes.length }, (_, i) => i)
  const x = indices.map((i) => nodes.x[i]!)
  const finite = (column: (i: number) => number) => indices.map((i) => (nodes.n[i] === 0 ? null : column(i)))
  const has = (name: (typeof columnsOf)[CurveAggregate][number]) => columnsOf[agg].includes(name)
  const nonFinite = kindsOf(nodes)
  return {
    x,
    last: has('last') ? indices.map((i) => toWire(nodes.last[i]!)) : [],
    min: has('min') ? finite((i) => nodes.min[i]!) : [],
    max: has('max') ? finite((i) => nodes.max[i]!) : [],
    mean: has('mean') ? finite((i) => nodes.mean(i)) : [],
    n: indices.map((i) => nodes.n[i]!),
    bad: indices.map((i) => nodes.points(i) - nodes.n[i]!),
    ...(filter && { smooth: indices.map((i) => smoothAt(buckets, filter, i)) }),
    ...(place && { at: x.map(place) }),
    ...(nonFinite.length > 0 && { nonFinite }),
  }
}

function smoothAt({ nodes, points }: SeriesBuckets, filter: Filter, i: number): number | null {
  const at = nodes.at[i]!
  const value = at < 0 ? nodes.median[i]! : filter.at(points.values, at)
  return Number.isNaN(value) ? null : value
}

function kindsOf(nodes: Nodes): NonNullable<CurveSeries['nonFinite']> {
  const kinds: NonNullable<CurveSeries['nonFinite']> = []
  for (let i = 0; i < nodes.length; i++) {
    const [nan, posInf, negInf] = [nodes.nan[i]!, nodes.posInf[i]!, nodes.negInf[i]!]
    if (nan + posInf + negInf > 0) kinds.push({ x: nodes.x[i]!, nan, posInf, negInf })
  }
  return kinds
}
