import type { SeriesName } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import { chunkOf } from './geometry.js'
import type { StoredPoint } from './points.js'
import { close } from './pyramid.js'
import { grouped, type Segment, type SparseColumn } from './segment.js'
import { insertSegment } from './segments.js'

/** Chunks that are written before the pyramid is built over them. */
const AT_ONCE = 64
/** Newest chunks that are written flush by flush, as they lie where the points come from: those that the pyramid does not reach are among them. */
const OPEN = 3

interface ImportedPoints {
  /** Ascending by step, each step once in the curve, once per attempt among those that gave way. */
  points: AsyncIterable<StoredPoint>
  effective: boolean
  /** The newest number of the curve. */
  seq: number
}

/** Writes the points of a job that has none of that kind, and builds the pyramid. What is in memory is a few chunks. */
export async function importPoints(
  tx: Transaction,
  jobId: string,
  { points, effective, seq }: ImportedPoints,
): Promise<void> {
  const waiting: StoredPoint[][] = []
  let lastStep = 0
  let sincePyramid = 0
  const write = async (chunk: StoredPoint[], byFlush: boolean) => {
    for (const segment of toSegments(chunk, byFlush))
      await insertSegment(tx, jobId, { ...segment, effective, ...numbersOf(segment, seq) })
  }
  const build = async () => {
    const { rows } = await tx.query<{ closed: number }>('SELECT curve_closed AS closed FROM job WHERE id = $1', [jobId])
    await close(tx, jobId, rows[0]!.closed)
    sincePyramid = 0
  }
  for await (const point of points) {
    lastStep = point.step
    const chunk = waiting.at(-1)
    if (chunk && chunkOf(chunk[0]!.step) === chunkOf(point.step)) {
      chunk.push(point)
      continue
    }
    waiting.push([point])
    if (waiting.length <= OPEN) continue
    await write(waiting.shift()!, false)
    if (effective && ++sincePyramid === AT_ONCE) await build()
  }
  for (const chunk of waiting) await write(chunk, true)
  await tx.query('UPDATE job SET curve_last_step = greatest(curve_last_step, $2) WHERE id = $1', [jobId, lastStep])
  if (effective) await build()
}

/** They rise with the attempts, as they did where the points were written. */
const numbersOf = ({ epoch }: Pick<Segment, 'epoch'>, seq: number) => ({
  firstSeq: Math.min(epoch, seq),
  seq: Math.min(epoch, seq),
})

/** One per attempt, or per attempt and flush. */
function toSegments(chunk: StoredPoint[], byFlush: boolean): Omit<Segment, 'effective' | 'firstSeq' | 'seq'>[] {
  const alike = ({ attempt, time }: StoredPoint) => (byFlush ? `${attempt} ${time}` : `${attempt}`)
  return [...grouped(chunk, alike).values()].map((points) => ({
    epoch: points[0]!.attempt,
    steps: Int32Array.from(points, ({ step }) => step),
    criticSteps: Float64Array.from(points, ({ criticStep }) => criticStep),
    times: Float64Array.from(points, ({ time }) => time),
    ...columnsOf(points),
  }))
}

/** Series that have a value at every point, and at some. */
function columnsOf(points: StoredPoint[]): Pick<Segment, 'values' | 'sparse'> {
  const names = new Set(points.flatMap(({ values }) => [...values.keys()]))
  const values = new Map<SeriesName, Float32Array>()
  const sparse = new Map<SeriesName, SparseColumn>()
  for (const name of names) {
    const at = [...points.keys()].filter((i) => points[i]!.values.has(name))
    const column = Float32Array.from(at, (i) => points[i]!.values.get(name)!)
    if (at.length === points.length) values.set(name, column)
    else sparse.set(name, { at: Int32Array.from(at), values: column })
  }
  return { values, sparse }
}
