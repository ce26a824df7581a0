// A row of the pyramid: 32 nodes of one level, of every series, as bytes. The axis comes first, then one part of equal size per series.
import type { SeriesName } from '@kantor/contracts'
import { ROW, nodeWidth } from './geometry.js'
import { Axis, Nodes } from './nodes.js'

/** Critic step and time of each node's last point; a node without points has −1. */
const AXIS_BYTES = ROW * 16
const NUMBERS_BYTES = ROW * 24
/** A node of level 1 holds 32 points at most, one of level 2 256. */
const Counts = (level: number) => (level === 1 ? Uint8Array : level === 2 ? Uint16Array : Uint32Array)
export const partBytes = (level: number): number => NUMBERS_BYTES + ROW * 4 * Counts(level).BYTES_PER_ELEMENT

export const AXIS_SLICE = `substring(nodes FROM 1 FOR ${AXIS_BYTES})`
/** The part of a series of a row, null where the row has none; `bytes` is SQL for `partBytes` of its level. */
export const partSlice = (name: SeriesName, bytes: string): string =>
  `substring(nodes FROM ${AXIS_BYTES + 1} + (array_position(series, '${name}') - 1) * ${bytes} FOR ${bytes})`

const counted = ['n', 'nan', 'posInf', 'negInf'] as const

export function encodeRow(level: number, block: number, axis: Axis, series: readonly Nodes[]): Buffer {
  const start = block * ROW * nodeWidth(level)
  const place = (x: number) => (x - start) / nodeWidth(level)
  const head = new Float64Array(ROW * 2).fill(-1)
  for (let i = 0; i < axis.length; i++) {
    head[place(axis.x[i]!)] = axis.criticStep[i]!
    head[ROW + place(axis.x[i]!)] = axis.time[i]!
  }
  return Buffer.concat([asBytes(head), ...series.map((nodes) => encodePart(level, nodes, place))])
}

function encodePart(level: number, nodes: Nodes, place: (x: number) => number): Buffer {
  const sum = new Float64Array(ROW)
  const numbers = new Float32Array(ROW * 4)
  const counts = new (Counts(level))(ROW * 4)
  for (let i = 0; i < nodes.length; i++) {
    const at = place(nodes.x[i]!)
    sum[at] = nodes.sum[i]!
    numbers[at] = nodes.min[i]!
    numbers[ROW + at] = nodes.max[i]!
    numbers[2 * ROW + at] = nodes.last[i]!
    numbers[3 * ROW + at] = nodes.median[i]!
    for (const [kind, name] of counted.entries()) counts[kind * ROW + at] = nodes[name][i]!
  }
  return Buffer.concat([asBytes(sum), asBytes(numbers), asBytes(counts)])
}

/** Adds the nodes of a series' part that begin within the span. */
export function decodePart(
  level: number,
  block: number,
  part: Buffer,
  within: { first: number; last: number },
  into: Nodes,
): void {
  const bytes = aligned(part)
  const sum = new Float64Array(bytes, 0, ROW)
  const numbers = new Float32Array(bytes, ROW * 8, ROW * 4)
  const counts = new (Counts(level))(bytes, NUMBERS_BYTES, ROW * 4)
  const width = nodeWidth(level)
  for (let at = 0; at < ROW; at++) {
    const x = (block * ROW + at) * width
    if (x < within.first || x > within.last) continue
    const i = into.length
    for (const [kind, name] of counted.entries()) into[name][i] = counts[kind * ROW + at]!
    if (into.points(i) === 0) continue
    into.x[i] = x
    into.sum[i] = sum[at]!
    into.min[i] = numbers[at]!
    into.max[i] = numbers[ROW + at]!
    into.last[i] = numbers[2 * ROW + at]!
    into.median[i] = numbers[3 * ROW + at]!
    into.at[i] = -1
    into.length++
  }
}

export function decodeAxis(
  level: number,
  block: number,
  head: Buffer,
  within: { first: number; last: number },
  into: Axis,
): void {
  const values = new Float64Array(aligned(head))
  for (let at = 0; at < ROW; at++) {
    const x = (block * ROW + at) * nodeWidth(level)
    if (x >= within.first && x <= within.last && values[at]! >= 0) into.add(x, values[at]!, values[ROW + at]!)
  }
}

const asBytes = (array: Float64Array | Float32Array | Uint8Array | Uint16Array | Uint32Array): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength)

/** A copy that typed arrays may lie on. */
const aligned = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer
