import {
  type CurvePoint,
  type CurveReply,
  type CurveSeries,
  type SeriesName,
  seriesNames,
  toWire,
} from '@kantor/contracts'

type Bucket = Record<string, unknown>

/** A reader that follows the contract to the letter and no further: drop from `reset.fromStep`, then replace by x. */
export class HeldCurve {
  buckets = new Map<SeriesName, Map<number, Bucket>>()
  seq: number | undefined
  resolution: number | undefined

  take(reply: CurveReply): void {
    for (const [name, columns] of Object.entries(reply.series) as [SeriesName, CurveSeries][]) {
      const held = this.buckets.get(name) ?? new Map<number, Bucket>()
      for (const x of held.keys()) if (reply.reset && x >= reply.reset.fromStep) held.delete(x)
      for (const bucket of toBuckets(columns)) held.set(bucket['x'] as number, bucket)
      this.buckets.set(name, held)
    }
    this.seq = reply.seq
    this.resolution = reply.resolution
  }

  get cursor() {
    return this.seq === undefined ? {} : { sinceSeq: this.seq, resolution: this.resolution }
  }

  /** Series by name, buckets by x. */
  get content(): Record<string, Bucket[]> {
    return Object.fromEntries(
      [...this.buckets].map(([name, held]) => [
        name,
        [...held.values()].sort((a, b) => (a['x'] as number) - (b['x'] as number)),
      ]),
    )
  }
}

export const contentOf = (reply: CurveReply): Record<string, Bucket[]> =>
  Object.fromEntries(Object.entries(reply.series).map(([name, columns]) => [name, toBuckets(columns)]))

const toBuckets = ({ nonFinite = [], ...columns }: CurveSeries): Bucket[] =>
  columns.x.map((x, i) => ({
    ...Object.fromEntries(Object.entries(columns).map(([column, values]) => [column, (values as unknown[])[i]])),
    kinds: nonFinite.find((kinds) => kinds.x === x),
  }))

interface Range {
  from?: number | undefined
  to?: number | undefined
}

/** What a full read must say, computed from the raw points the slow way; the mean is left to the caller. */
export function expectedBuckets(
  points: CurvePoint[],
  name: SeriesName,
  resolution: number,
  { from = 0, to = Infinity }: Range,
  window: number | null,
): Bucket[] {
  const index = seriesNames.indexOf(name)
  const ordered = points.map(({ step, values }) => ({ step, value: values[index]! })).sort((a, b) => a.step - b.step)
  const buckets = new Map<number, { at: number; values: number[] }>()
  for (const [at, { step, value }] of ordered.entries()) {
    if (step < from || step > to) continue
    const x = Math.floor(step / resolution) * resolution
    const bucket = buckets.get(x) ?? { at, values: [] }
    bucket.at = at
    bucket.values.push(value)
    buckets.set(x, bucket)
  }
  return [...buckets].map(([x, { at, values }]) => {
    const finite = values.filter(Number.isFinite)
    const half = window === null ? 0 : (window - 1) / 2
    const around = ordered.slice(Math.max(0, at - half), at + half + 1).map(({ value }) => value)
    return {
      x,
      last: toWire(values.at(-1)! + 0),
      min: finite.length === 0 ? null : Math.min(...finite) + 0,
      max: finite.length === 0 ? null : Math.max(...finite) + 0,
      n: finite.length,
      bad: values.length - finite.length,
      kinds: finite.length === values.length ? undefined : kindsOf(x, values),
      ...(window !== null && { smooth: median(around.filter(Number.isFinite)) }),
    }
  })
}

const kindsOf = (x: number, values: number[]) => ({
  x,
  nan: values.filter(Number.isNaN).length,
  posInf: values.filter((value) => value === Infinity).length,
  negInf: values.filter((value) => value === -Infinity).length,
})

function median(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  if (sorted.length === 0) return null
  const middle = (sorted.length - 1) / 2
  const low = sorted[Math.floor(middle)]!
  return Math.fround(low + (sorted[Math.ceil(middle)]! - low) * 0.5) + 0
}
