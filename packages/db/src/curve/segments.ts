// Segments in the database. Every function runs in a transaction of its caller; writers hold the job's row.
import { lossNames, type SeriesName } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import { CHUNK, chunkOf } from './geometry.js'
import {
  decodeSegment,
  encodeOffsets,
  encodeRuns,
  encodeSparse,
  encodeTimes,
  encodeValues,
  type Segment,
  segmentColumns,
  type SegmentRow,
  sparseColumns,
  toFloats,
  valuesOf,
} from './segment.js'

export interface Steps {
  first: number
  last: number
}

const chunkStart = (step: number) => chunkOf(step) * CHUNK

/** Segments that may hold a step of the span, with all that they hold: every attempt's, in ascending order. */
export async function readWholeSegments(tx: Transaction, jobId: string, { first, last }: Steps): Promise<Segment[]> {
  const { rows } = await tx.query<SegmentRow & { series: string[]; values: Buffer }>(
    `SELECT ${segmentColumns}, ${sparseColumns}, series, "values" FROM curve_segment
     WHERE job_id = $1 AND first_step BETWEEN $2 AND $3 AND last_step >= $4 ORDER BY first_step, epoch`,
    [jobId, chunkStart(first), last, first],
  )
  return rows.map((row) => {
    const size = row.numPoints * 4
    const columns = row.series.map((name, i): [string, Float32Array] => [
      name,
      toFloats(row.values.subarray(i * size, (i + 1) * size)),
    ])
    return decodeSegment(row, new Map(columns))
  })
}

/** Segments of whole chunks that hold a step of a span, with some series only; effective ones, or those that gave way. */
export async function readSegments(
  tx: Transaction,
  jobId: string,
  names: readonly SeriesName[],
  spans: readonly Steps[],
  effective = true,
): Promise<Segment[]> {
  const chunks = wholeChunks(spans)
  // The losses are at every point.
  const more = names.every((name) => (lossNames as readonly string[]).includes(name)) ? [] : [sparseColumns]
  const { rows } = await tx.query<SegmentRow & Record<SeriesName, Buffer | null>>(
    `SELECT ${[segmentColumns, ...more, ...names.map((name) => `${valuesOf(name)} AS ${name}`)].join(', ')}
     FROM unnest($2::int[], $3::int[]) AS span(first, last)
     JOIN curve_segment ON job_id = $1 AND effective = $4 AND first_step BETWEEN span.first AND span.last`,
    [jobId, chunks.map(({ first }) => first), chunks.map(({ last }) => last), effective],
  )
  rows.sort((a, b) => a.firstStep - b.firstStep || a.epoch - b.epoch)
  return rows.map((row) => {
    const columns = names.flatMap((name): [string, Float32Array][] => {
      const bytes = row[name]
      return bytes === null ? [] : [[name, toFloats(bytes)]]
    })
    return decodeSegment(row, new Map(columns))
  })
}

/** Disjoint and ascending: a segment is read once. */
function wholeChunks(spans: readonly Steps[]): Steps[] {
  const chunks: Steps[] = []
  for (const span of [...spans].sort((a, b) => a.first - b.first)) {
    const [first, last] = [chunkStart(span.first), chunkStart(span.last) + CHUNK - 1]
    const before = chunks.at(-1)
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last)
    else chunks.push({ first, last })
  }
  return chunks
}

/** One row; no other of its attempt begins at the same step. */
export async function insertSegment(tx: Transaction, jobId: string, segment: Segment): Promise<void> {
  const flushes = encodeTimes(segment)
  const row: Record<string, unknown> = {
    job_id: jobId,
    epoch: segment.epoch,
    first_step: segment.steps[0],
    last_step: segment.steps.at(-1),
    num_points: segment.steps.length,
    effective: segment.effective,
    first_seq: segment.firstSeq,
    seq: segment.seq,
    series: [...segment.values.keys()],
    offsets: encodeOffsets(segment.steps),
    first_critic_step: segment.criticSteps[0],
    critic_runs: encodeRuns(segment.criticSteps),
    flush_steps: flushes.steps,
    flush_times: flushes.times,
    values: encodeValues(segment.values),
    // Left to their defaults where there is nothing: the migration that made the table writes rows before it has these columns.
    ...(segment.sparse.size > 0 && { sparse_series: [...segment.sparse.keys()], sparse: encodeSparse(segment.sparse) }),
  }
  const columns = Object.keys(row)
  await tx.query(
    `INSERT INTO curve_segment (${columns.map((name) => `"${name}"`).join(', ')})
     VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
    Object.values(row),
  )
}

export async function deleteSegments(tx: Transaction, jobId: string, segments: readonly Segment[]): Promise<void> {
  if (segments.length === 0) return
  await tx.query(
    `DELETE FROM curve_segment USING unnest($2::int[], $3::int[]) AS gone(first_step, epoch)
     WHERE job_id = $1 AND curve_segment.first_step = gone.first_step AND curve_segment.epoch = gone.epoch`,
    [jobId, segments.map(({ steps }) => steps[0]), segments.map(({ epoch }) => epoch)],
  )
}

/**
 * A span that holds, besides its own, at least so many effective points before and after it (all that there are, when there are fewer):
 * whole chunks, since segments of several attempts may lie across each other within one.
 */
export async function widen(
  tx: Transaction,
  jobId: string,
  { first, last }: Steps,
  around: { before: number; after: number },
): Promise<Steps> {
  const { rows } = await tx.query<{ low: number | null; high: number | null }>(
    `SELECT (SELECT min(first_step) FROM (
         SELECT first_step, sum(num_points) OVER (ORDER BY first_step DESC, epoch) - num_points AS passed FROM (
           SELECT first_step, epoch, num_points FROM curve_segment
           WHERE job_id = $1 AND effective AND first_step < $2 AND last_step < $2 ORDER BY first_step DESC LIMIT $4
         ) AS newest
       ) AS counted WHERE passed < $4) AS low,
       (SELECT max(first_step) FROM (
         SELECT first_step, sum(num_points) OVER (ORDER BY first_step, epoch) - num_points AS passed FROM (
           SELECT first_step, epoch, num_points FROM curve_segment
           WHERE job_id = $1 AND effective AND first_step > $3 ORDER BY first_step LIMIT $5
         ) AS oldest
       ) AS counted WHERE passed < $5) AS high`,
    [jobId, first, last, around.before, around.after],
  )
  const { low, high } = rows[0]!
  return {
    first: low === null ? first : Math.min(first, chunkStart(low)),
    last: high === null ? last : Math.max(last, chunkStart(high) + CHUNK - 1),
  }
}
