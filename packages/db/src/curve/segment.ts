// A segment in memory, and what its row holds. Columns lie one after another, so that a reader of one series fetches one slice.
import type { SeriesName } from '@kantor/contracts'

/** Points of one attempt, ascending by step, within one chunk. Every column has one entry per point. */
export interface Segment {
  epoch: number
  effective: boolean
  /** The first and the newest flush in it. */
  firstSeq: number
  seq: number
  steps: Int32Array
  criticSteps: Float64Array
  /** When each was written, in milliseconds on the database's clock; NaN where nobody noted it. */
  times: Float64Array
  /** A series that the writer did not know has no column. */
  values: Map<string, Float32Array>
}

export interface SegmentRow {
  epoch: number
  effective: boolean
  firstSeq: string
  seq: string
  firstStep: number
  lastStep: number
  numPoints: number
  offsets: number[] | null
  firstCriticStep: string
  criticRuns: number[]
  flushSteps: number[]
  flushTimes: string[]
}

/** The columns of `SegmentRow`. */
export const segmentColumns = `epoch, effective, first_seq AS "firstSeq", seq, first_step AS "firstStep", last_step AS "lastStep",
  num_points AS "numPoints", offsets, first_critic_step AS "firstCriticStep", critic_runs AS "criticRuns",
  flush_steps AS "flushSteps", flush_times AS "flushTimes"`

/** One column of `values`; NULL where the segment has no such series. */
export const valuesOf = (name: SeriesName): string =>
  `substring("values" FROM (array_position(series, '${name}') - 1) * num_points * 4 + 1 FOR num_points * 4)`

export function decodeSegment(row: SegmentRow, values: Map<string, Float32Array>): Segment {
  const { epoch, effective, numPoints, firstStep, offsets } = row
  const steps = Int32Array.from({ length: numPoints }, (_, i) => firstStep + (offsets?.[i] ?? i))
  return {
    epoch,
    effective,
    firstSeq: Number(row.firstSeq),
    seq: Number(row.seq),
    steps,
    criticSteps: decodeRuns(Number(row.firstCriticStep), row.criticRuns, numPoints),
    times: decodeTimes(row, steps),
    values,
  }
}

/** Bytes of the database as numbers; the copy is aligned. Every machine that TensorFlow runs on is little-endian. */
export const toFloats = (bytes: Buffer): Float32Array => new Float32Array(new Uint8Array(bytes).buffer)

/** All columns as one value, in the order of the map. */
export function encodeValues(values: Map<string, Float32Array>): Buffer {
  return Buffer.concat(
    [...values.values()].map((column) => Buffer.from(column.buffer, column.byteOffset, column.byteLength)),
  )
}

/** Null when no step is missing. */
export function encodeOffsets(steps: Int32Array): number[] | null {
  const first = steps[0]!
  return steps.at(-1)! - first + 1 === steps.length ? null : Array.from(steps, (step) => step - first)
}

/** Critic steps grow by the same number nearly always: count and difference, again and again. */
export function encodeRuns(values: Float64Array): number[] {
  const runs: number[] = []
  for (let i = 1; i < values.length; i++) {
    const difference = values[i]! - values[i - 1]!
    if (runs.at(-1) === difference) runs[runs.length - 2]! += 1
    else runs.push(1, difference)
  }
  return runs
}

function decodeRuns(first: number, runs: number[], length: number): Float64Array {
  const values = new Float64Array(length).fill(first)
  let at = 1
  for (let run = 0; run < runs.length; run += 2) {
    for (let count = runs[run]!; count > 0; count--, at++) values[at] = values[at - 1]! + runs[run + 1]!
  }
  return values
}

/** The last step of each stretch that was written at one time. Nothing for points whose time nobody noted. */
export function encodeTimes({ steps, times }: Pick<Segment, 'steps' | 'times'>): { steps: number[]; times: number[] } {
  const flushes = { steps: [] as number[], times: [] as number[] }
  for (let i = 0; i < steps.length; i++) {
    if (Number.isNaN(times[i]!)) continue
    if (flushes.times.at(-1) === times[i]) flushes.steps[flushes.steps.length - 1] = steps[i]!
    else {
      flushes.steps.push(steps[i]!)
      flushes.times.push(times[i]!)
    }
  }
  return flushes
}

function decodeTimes({ flushSteps, flushTimes }: SegmentRow, steps: Int32Array): Float64Array {
  let flush = 0
  return Float64Array.from(steps, (step) => {
    while (flush < flushSteps.length && flushSteps[flush]! < step) flush++
    return Number(flushTimes[flush] ?? NaN)
  })
}

/** The points at these places, in this order. */
export function pick(segment: Segment, at: number[]): Segment {
  const take = <T extends Int32Array | Float32Array | Float64Array>(column: T): T => {
    const taken = new (column.constructor as new (length: number) => T)(at.length)
    for (let i = 0; i < at.length; i++) taken[i] = column[at[i]!]!
    return taken
  }
  return {
    ...segment,
    steps: take(segment.steps),
    criticSteps: take(segment.criticSteps),
    times: take(segment.times),
    values: new Map([...segment.values].map(([name, column]) => [name, take(column)])),
  }
}

/** Segments of one attempt that know the same series, as one. */
export function join(segments: Segment[]): Segment {
  const [first] = segments
  const size = segments.reduce((sum, segment) => sum + segment.steps.length, 0)
  const steps = new Int32Array(size)
  const criticSteps = new Float64Array(size)
  const times = new Float64Array(size)
  const values = new Map([...first!.values.keys()].map((name) => [name, new Float32Array(size)]))
  let at = 0
  for (const segment of segments) {
    steps.set(segment.steps, at)
    criticSteps.set(segment.criticSteps, at)
    times.set(segment.times, at)
    for (const [name, column] of values) column.set(segment.values.get(name)!, at)
    at += segment.steps.length
  }
  const joined: Segment = {
    ...first!,
    firstSeq: Math.min(...segments.map((segment) => segment.firstSeq)),
    seq: Math.max(...segments.map((segment) => segment.seq)),
    steps,
    criticSteps,
    times,
    values,
  }
  const order = orderOf(steps)
  return order === null ? joined : pick(joined, order)
}

/** Places in ascending order of their steps; null when they are in order already. */
export function orderOf(steps: Int32Array): number[] | null {
  for (let i = 1; i < steps.length; i++) {
    if (steps[i]! < steps[i - 1]!) return [...steps.keys()].sort((a, b) => steps[a]! - steps[b]!)
  }
  return null
}

/** One series of several segments, ascending by step; segments that do not know it have no part in it. */
export interface Column {
  steps: Int32Array
  values: Float32Array
}

export function columnOf(segments: readonly Segment[], name: string): Column {
  const parts = segments.filter((segment) => segment.values.has(name))
  const size = parts.reduce((sum, { steps }) => sum + steps.length, 0)
  const steps = new Int32Array(size)
  const values = new Float32Array(size)
  let at = 0
  for (const part of parts) {
    steps.set(part.steps, at)
    values.set(part.values.get(name)!, at)
    at += part.steps.length
  }
  const order = orderOf(steps)
  if (order === null) return { steps, values }
  return { steps: steps.map((_, i) => steps[order[i]!]!), values: values.map((_, i) => values[order[i]!]!) }
}

/** Index of the first entry that is not below `value`, in ascending `steps`. */
export function lowerBound(steps: ArrayLike<number>, value: number): number {
  let low = 0
  let high = steps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (steps[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Keys in the order of their first item. */
export function grouped<T, K>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
