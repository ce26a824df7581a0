// The roll-up pyramid. A chunk is *closed* once so many points follow it that no median in it can change by what is appended; then its
// row of level 1 is written, and a row of the next level when 8 below it are. Nothing of it is written twice, unless a point comes or
// goes below: then it is torn down to there, and built again as points follow. What is above it is read as points, 1 074 of them at most
// on a curve without gaps.
import type { SeriesName } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import { filterOf } from './filter.js'
import { CHUNK, chunkOf, completeRows, FANOUT, MEDIAN_WINDOW, nodeWidth, ROW, rowWidth, TOP_LEVEL } from './geometry.js'
import { Axis, Nodes, raise, raiseAxis } from './nodes.js'
import type { Interval } from './plan.js'
import { AXIS_SLICE, decodeAxis, decodePart, encodeRow, partBytes, partSlice } from './rollup.js'
import { type Column, columnOf, grouped, join, lowerBound, orderOf, type Segment } from './segment.js'
import { deleteSegments, insertSegment, readWholeSegments, type Steps, widen } from './segments.js'

const median = filterOf({ kind: 'median', size: MEDIAN_WINDOW })
const HALF = median.after

/** Tears the pyramid down to where a change at `step` reaches, before it is made. Answers how many chunks stay closed. */
export async function reopen(tx: Transaction, jobId: string, closed: number, step: number): Promise<number> {
  if (closed === 0) return 0
  const { rows } = await tx.query<{ points: number }>(
    `SELECT coalesce(sum(num_points), 0)::int AS points FROM curve_segment
     WHERE job_id = $1 AND effective AND first_step >= $2 AND last_step < $3`,
    [jobId, closed * CHUNK, step],
  )
  if (rows[0]!.points >= HALF) return closed
  const reached = await widen(tx, jobId, { first: step, last: step }, { before: HALF, after: 0 })
  const left = Math.min(closed, chunkOf(reached.first))
  if (left === closed) return closed
  await tx.query('DELETE FROM curve_pyramid WHERE job_id = $1 AND (block + 1)::bigint << (3 * level + 7) > $2', [
    jobId,
    left * CHUNK,
  ])
  await setClosed(tx, jobId, left)
  return left
}

/** Closes what can be closed. */
export async function close(tx: Transaction, jobId: string, closed: number): Promise<void> {
  const { rows } = await tx.query<{ chunk: number; points: number }>(
    `SELECT first_step / ${CHUNK} AS chunk, sum(num_points)::int AS points FROM curve_segment
     WHERE job_id = $1 AND effective AND first_step >= $2 GROUP BY 1 ORDER BY 1`,
    [jobId, closed * CHUNK],
  )
  let following = 0
  let last = rows.length - 1
  while (last >= 0 && following < HALF) following += rows[last--]!.points
  if (last < 0 || following < HALF) return
  for (const { chunk } of rows.slice(0, last + 1)) await closeChunk(tx, jobId, chunk)
  const now = rows[last]!.chunk + 1
  for (let level = 2; level <= TOP_LEVEL; level++) {
    const [from, to] = [completeRows(level, closed), completeRows(level, now)]
    if (from === to) break
    await buildRows(tx, jobId, level, { from, to })
  }
  await setClosed(tx, jobId, now)
}

const setClosed = (tx: Transaction, jobId: string, closed: number) =>
  tx.query('UPDATE job SET curve_closed = $2 WHERE id = $1', [jobId, closed])

/** Joins the flushes of a chunk, and writes its row of level 1. */
async function closeChunk(tx: Transaction, jobId: string, chunk: number): Promise<void> {
  const own = { first: chunk * CHUNK, last: (chunk + 1) * CHUNK - 1 }
  const wide = await widen(tx, jobId, own, { before: HALF, after: HALF })
  const segments = (await readWholeSegments(tx, jobId, wide)).filter(({ effective }) => effective)
  const inside = segments.filter(({ steps }) => chunkOf(steps[0]!) === chunk)
  const axis = axisNodes(inside, [own], nodeWidth(1))
  const names = namesOf(inside)
  const series = names.map((name) => {
    const column = columnOf(segments, name)
    const nodes = pointNodes(column, [own], nodeWidth(1))
    for (let i = 0; i < nodes.length; i++) nodes.median[i] = median.at(column.values, nodes.at[i]!)
    return nodes
  })
  await joinFlushes(tx, jobId, inside)
  await insertRow(tx, jobId, { level: 1, block: chunk, axis, names, series })
}

const namesOf = (segments: readonly Segment[]) => [
  ...new Set(segments.flatMap(({ values, sparse }) => [...values.keys(), ...sparse.keys()])),
]

/** Nodes over points of these spans. */
export function pointNodes({ steps, values, there }: Column, spans: readonly Steps[], width: number): Nodes {
  const ranges = spans.map(({ first, last }) => [lowerBound(steps, first), lowerBound(steps, last + 1)] as const)
  const nodes = new Nodes(ranges.reduce((sum, [from, to]) => sum + to - from, 0))
  for (const [from, to] of ranges) {
    for (let i = from; i < to; i++) {
      if (there && there[i] === 0) continue
      nodes.addPoint(Math.floor(steps[i]! / width) * width, values[i]!, i)
    }
  }
  return nodes
}

/** The other axes over points of these spans. */
export function axisNodes(segments: readonly Segment[], spans: readonly Steps[], width: number): Axis {
  const size = segments.reduce((sum, { steps }) => sum + steps.length, 0)
  const criticSteps = new Float64Array(size)
  const times = new Float64Array(size)
  const steps = new Int32Array(size)
  let at = 0
  for (const segment of segments) {
    steps.set(segment.steps, at)
    criticSteps.set(segment.criticSteps, at)
    times.set(segment.times, at)
    at += segment.steps.length
  }
  const order = orderOf(steps)
  const ordered = order === null ? steps : steps.map((_, i) => steps[order[i]!]!)
  const axis = new Axis(size)
  for (const { first, last } of spans) {
    const to = lowerBound(ordered, last + 1)
    for (let i = lowerBound(ordered, first); i < to; i++) {
      const from = order === null ? i : order[i]!
      axis.add(Math.floor(ordered[i]! / width) * width, criticSteps[from]!, times[from]!)
    }
  }
  return axis
}

async function joinFlushes(tx: Transaction, jobId: string, segments: Segment[]): Promise<void> {
  const groups = grouped(segments, ({ epoch }) => epoch)
  for (const flushes of groups.values()) {
    if (flushes.length === 1) continue
    await deleteSegments(tx, jobId, flushes)
    await insertSegment(tx, jobId, join(flushes))
  }
}

/** Rows of a level from those below. */
async function buildRows(
  tx: Transaction,
  jobId: string,
  level: number,
  { from, to }: { from: number; to: number },
): Promise<void> {
  const { rows } = await tx.query<{ names: SeriesName[] | null }>(
    `SELECT array_agg(DISTINCT name) AS names FROM curve_pyramid, unnest(series) AS name
     WHERE job_id = $1 AND level = $2 AND block >= $3 AND block < $4`,
    [jobId, level - 1, from * FANOUT, to * FANOUT],
  )
  const names = rows[0]!.names
  if (names === null) return
  for (let block = from; block < to; block++) {
    const span = { level: level - 1, first: block * rowWidth(level), last: (block + 1) * rowWidth(level) - 1 }
    const below = (await readRows(tx, jobId, names, [span], { withAxis: true })).get(level - 1)
    if (below === undefined) continue
    const axis = raiseAxis(below.axis, new Axis(0), nodeWidth(level))
    const series = names.map((name) => raise(below.series.get(name)!, new Nodes(0), nodeWidth(level)))
    await insertRow(tx, jobId, { level, block, axis, names, series })
  }
}

interface Row {
  level: number
  block: number
  axis: Axis
  names: string[]
  series: Nodes[]
}

async function insertRow(tx: Transaction, jobId: string, { level, block, axis, names, series }: Row): Promise<void> {
  await tx.query('INSERT INTO curve_pyramid (job_id, level, block, series, nodes) VALUES ($1, $2, $3, $4, $5)', [
    jobId,
    level,
    block,
    names,
    encodeRow(level, block, axis, series),
  ])
}

/** Stored nodes of one level: an empty list for a series that is not there. */
export interface Stored {
  axis: Axis
  series: Map<SeriesName, Nodes>
}

/**
 * Stored nodes that begin within the intervals, ascending, by level; one query for all levels. Each slice of a row costs a look-up of its own,
 * so the axis is left empty unless it is wanted.
 */
export async function readRows(
  tx: Transaction,
  jobId: string,
  names: readonly SeriesName[],
  intervals: readonly Interval[],
  { withAxis }: { withAxis: boolean },
): Promise<Map<number, Stored>> {
  if (intervals.length === 0) return new Map()
  const parts = names.map((name) => `${partSlice(name, 'span.bytes')} AS ${name}`)
  if (withAxis) parts.push(`${AXIS_SLICE} AS axis`)
  const { rows } = await tx.query<FoundRow>(
    `SELECT block, span.number AS span, ${parts.join(', ')}
     FROM unnest($2::int[], $3::int[], $4::int[], $5::int[], $6::int[]) AS span(number, level, first, last, bytes)
     JOIN curve_pyramid ON job_id = $1 AND curve_pyramid.level = span.level AND block BETWEEN span.first AND span.last`,
    [
      jobId,
      [...intervals.keys()],
      intervals.map(({ level }) => level),
      intervals.map(({ level, first }) => Math.floor(first / rowWidth(level))),
      intervals.map(({ level, last }) => Math.floor(last / rowWidth(level))),
      intervals.map(({ level }) => partBytes(level)),
    ],
  )
  rows.sort((a, b) => a.span - b.span || a.block - b.block)
  const levels = grouped(rows, ({ span }) => intervals[span]!.level)
  return new Map([...levels].map(([level, found]) => [level, decode(level, names, found, intervals)]))
}

type FoundRow = { block: number; span: number; axis?: Buffer } & Record<SeriesName, Buffer | null>

function decode(
  level: number,
  names: readonly SeriesName[],
  rows: readonly FoundRow[],
  intervals: readonly Interval[],
): Stored {
  const axis = new Axis(rows.length * ROW)
  for (const { block, span, axis: head } of rows) if (head) decodeAxis(level, block, head, intervals[span]!, axis)
  const series = names.map((name): [SeriesName, Nodes] => {
    const nodes = new Nodes(rows.length * ROW)
    for (const found of rows) {
      const bytes = found[name]
      if (bytes !== null) decodePart(level, found.block, bytes, intervals[found.span]!, nodes)
    }
    return [name, nodes]
  })
  return { axis, series: new Map(series) }
}
