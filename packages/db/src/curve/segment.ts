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
  /** Series that have a value at every point. */
  values: Map<string, Float32Array>
  /** Series that have one at some points only, with their places among the points, ascending. */
  sparse: Map<string, SparseColumn>
}

export interface SparseColumn {
  at: Int32Array
  values: Float32Array
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
  /** Names and bytes of `sparse`; absent when they were not asked for. */
  sparseSeries?: string[]
  sparse?: Buffer
}

/** The columns of `SegmentRow`. */
export const segmentColumns = `epoch, effective, first_seq AS "firstSeq", seq, first_step AS "firstStep", last_step AS "lastStep",
  num_points AS "numPoints", offsets, first_critic_step AS "firstCriticStep", critic_runs AS "criticRuns",
  flush_steps AS "flushSteps", flush_times AS "flushTimes"`

/** One column of `values`; NULL where the segment has no such series. */
export const valuesOf = (name: SeriesName): string =>
  `substring("values" FROM (array_position(series, '${name}') - 1) * num_points * 4 + 1 FOR num_points * 4)`

/** Beside `segmentColumns` where a series may be a sparse one. */
export const sparseColumns = 'sparse_series AS "sparseSeries", sparse'

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
    sparse: decodeSparse(row),
  }
}

function decodeSparse({ sparseSeries = [], sparse }: SegmentRow): Segment['sparse'] {
  const columns: Segment['sparse'] = new Map()
  let from = 0
  for (const name of sparse ? sparseSeries : []) {
    const size = 4 * sparse!.readInt32LE(from)
    const places = new Int32Array(new Uint8Array(sparse!.subarray(from + 4, from + 4 + size)).buffer)
    columns.set(name, { at: places, values: toFloats(sparse!.subarray(from + 4 + size, from + 4 + 2 * size)) })
    from += 4 + 2 * size
  }
  return columns
}

/** Of each series in the order of the map: how many values, their places, the values, 4 bytes each. */
export function encodeSparse(columns: Segment['sparse']): Buffer {
  return Buffer.concat(
    [...columns.values()].flatMap(({ at, values }) => [Int32Array.of(at.length), at, values].map(toBytes)),
  )
}

const toBytes = (array: Int32Array | Float32Array): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength)

/** Bytes of the database as numbers; the copy is aligned. Every machine that TensorFlow runs on is little-endian. */
export const toFloats = (bytes: Buffer): Float32Array => new Float32Array(new Uint8Array(bytes).buffer)

/** All columns as one value, in the order of the map. */
export function encodeValues(values: Map<string, Float32Array>): Buffer {
  return Buffer.concat([...values.values()].map(toBytes))
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
    sparse: pickSparse(segment.sparse, at),
  }
}

function pickSparse(columns: Segment['sparse'], taken: number[]): Segment['sparse'] {
  if (columns.size === 0) return columns
  const places = new Map(taken.map((old, now) => [old, now]))
  const picked: Segment['sparse'] = new Map()
  for (const [name, { at, values }] of columns) {
    const kept = [...at.keys()]
      .filter((i) => places.has(at[i]!))
      .sort((i, j) => places.get(at[i]!)! - places.get(at[j]!)!)
    if (kept.length === 0) continue
    picked.set(name, {
      at: Int32Array.from(kept, (i) => places.get(at[i]!)!),
      values: Float32Array.from(kept, (i) => values[i]!),
    })
  }
  return picked
}

/** Segments of one attempt as one. */
export function join(segments: Segment[]): Segment {
  const [first] = segments
  const size = segments.reduce((sum, segment) => sum + segment.steps.length, 0)
  const steps = new Int32Array(size)
  const criticSteps = new Float64Array(size)
  const times = new Float64Array(size)
  const everywhere = [...first!.values.keys()].filter((name) => segments.every(({ values }) => values.has(name)))
  const values = new Map(everywhere.map((name) => [name, new Float32Array(size)]))
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
    sparse: joinSparse(segments, values),
  }
  const order = orderOf(steps)
  return order === null ? joined : pick(joined, order)
}

/** Of series that some segment has at some points only, or not at all. */
function joinSparse(segments: readonly Segment[], everywhere: Segment['values']): Segment['sparse'] {
  const parts = new Map<string, { at: number[]; values: number[] }>()
  let before = 0
  for (const { steps, values: whole, sparse } of segments) {
    const add = (name: string, at: Iterable<number>, values: Float32Array) => {
      const part = parts.get(name) ?? { at: [], values: [] }
      for (const place of at) part.at.push(before + place)
      part.values.push(...values)
      parts.set(name, part)
    }
    for (const [name, { at, values }] of sparse) add(name, at, values)
    for (const [name, values] of whole) if (!everywhere.has(name)) add(name, values.keys(), values)
    before += steps.length
  }
  return new Map(
    [...parts].map(([name, { at, values }]) => [name, { at: Int32Array.from(at), values: Float32Array.from(values) }]),
  )
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
  /** NaN also where there is no value. */
  values: Float32Array
  /** 1 where there is a value; null when there is one at every point. */
  there: Uint8Array | null
}

/**
 * A series with gaps keeps them: a filter's window is counted in points of the curve, so that it covers the same steps of every series, and
 * its value hangs on nothing but the points around.
 */
export function columnOf(segments: readonly Segment[], name: string): Column {
  const parts = segments.filter(({ values, sparse }) => values.has(name) || sparse.has(name))
  const size = parts.reduce((sum, { steps }) => sum + steps.length, 0)
  const steps = new Int32Array(size)
  const values = new Float32Array(size).fill(NaN)
  const there = parts.some(({ sparse }) => sparse.has(name)) ? new Uint8Array(size) : null
  let from = 0
  for (const part of parts) {
    steps.set(part.steps, from)
    const whole = part.values.get(name)
    if (whole) {
      values.set(whole, from)
      there?.fill(1, from, from + whole.length)
    } else {
      const { at, values: some } = part.sparse.get(name)!
      for (const [i, place] of at.entries()) {
        values[from + place] = some[i]!
        there![from + place] = 1
      }
    }
    from += part.steps.length
  }
  const order = orderOf(steps)
  if (order === null) return { steps, values, there }
  return {
    steps: steps.map((_, i) => steps[order[i]!]!),
    values: values.map((_, i) => values[order[i]!]!),
    there: there && there.map((_, i) => there[order[i]!]!),
  }
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
