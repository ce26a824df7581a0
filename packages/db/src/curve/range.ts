import type { CurveQuery } from '@kantor/contracts'

/** What a reply covers, all in generator steps. Bucket k holds the steps from k·resolution to (k+1)·resolution − 1. */
export interface CurveRange {
  /** First and last step that may be shown; empty when first > last. */
  first: number
  last: number
  /** A power of two. */
  resolution: number
}

/** A power of two above every step that a spec allows. */
const COARSEST = 2 ** 30

/**
 * The resolution is the one the client holds while the range still fits into `maxPoints` buckets, else the finest that fits.
 * `lastStep` is the highest step ever written: a rollback does not make the resolution jump back.
 */
export function chooseRange(
  query: Pick<CurveQuery, 'from' | 'to' | 'resolution' | 'maxPoints'>,
  lastStep: number,
): CurveRange {
  const first = query.from ?? 1
  const last = Math.min(query.to ?? lastStep, lastStep)
  const fits = (resolution: number) =>
    Math.floor(last / resolution) - Math.floor(first / resolution) + 1 <= query.maxPoints
  let resolution = query.resolution !== undefined && fits(query.resolution) ? query.resolution : 1
  while (resolution < COARSEST && !fits(resolution)) resolution *= 2
  return { first, last, resolution }
}

export const bucketStart = (step: number, resolution: number): number => Math.floor(step / resolution) * resolution

/** Steps from `first` to `last`, both included. */
export interface Span {
  first: number
  last: number
}

/** Whole buckets as spans, cut to the range, neighbours joined, in ascending order. */
export function toSpans(buckets: Iterable<number>, range: CurveRange): Span[] {
  const spans: Span[] = []
  for (const bucket of [...new Set(buckets)].sort((a, b) => a - b)) {
    const first = Math.max(bucket * range.resolution, range.first)
    const last = Math.min((bucket + 1) * range.resolution - 1, range.last)
    if (first > last) continue
    const before = spans.at(-1)
    if (before !== undefined && before.last + 1 >= first) before.last = Math.max(before.last, last)
    else spans.push({ first, last })
  }
  return spans
}

/** `spans` plus everything from the bucket of `step` on. */
export function withTail(spans: Span[], step: number, range: CurveRange): Span[] {
  const first = Math.max(bucketStart(step, range.resolution), range.first)
  if (first > range.last) return spans
  return [...spans.filter((span) => span.last < first), ...cutAt(spans, first), { first, last: range.last }]
}

const cutAt = (spans: Span[], step: number): Span[] =>
  spans.filter((span) => span.first < step && span.last >= step).map((span) => ({ first: span.first, last: step - 1 }))
