import type pg from 'pg'
import type { Transaction } from '../database.js'
import { chunkOf } from './geometry.js'
import { close } from './pyramid.js'
import { insertSegment } from './segments.js'

const SERIES = ['w_estimate', 'critic_loss', 'gen_loss', 'critic_real', 'critic_fake'] as const
type Row = { job: string; epoch: number; step: number; seq: string; effective: boolean; criticStep: string } & Record<
  (typeof SERIES)[number],
  number
>

/** Rows fetched at once; what is in memory is one fetch and one chunk's points. */
const FETCH = 10_000

/**
 * The step of the migration `curve_segments`: moves every row of `curve_point` into segments, and drops the table. It runs inside the migration's transaction, so a start that is killed meanwhile leaves everything as it was.
 */
export async function movePoints(client: pg.Client): Promise<void> {
  const tx = client as unknown as Transaction
  await client.query(`DECLARE old_points NO SCROLL CURSOR FOR
    SELECT job_id AS job, epoch, step, seq, effective, critic_step AS "criticStep", ${SERIES.join(', ')} FROM curve_point
    WHERE EXISTS (SELECT 1 FROM job WHERE id = job_id) ORDER BY job_id, effective, epoch, step`)
  let run: Row[] = []
  const flush = async () => {
    const [first] = run
    if (first) await insertSegment(tx, first.job, toSegment(run))
    run = []
  }
  for (;;) {
    const { rows } = await client.query<Row>(`FETCH ${FETCH} FROM old_points`)
    if (rows.length === 0) break
    for (const row of rows) {
      if (run[0] && !belongsTo(run[0], row)) await flush()
      run.push(row)
    }
  }
  await flush()
  await client.query('CLOSE old_points')
  await client.query('DROP TABLE curve_point')
}

/** The step of the migration `curve_pyramid`: builds the pyramid of every job from its segments. */
export async function buildPyramids(client: pg.Client): Promise<void> {
  // Built by today's code, which reads columns that a later migration adds where they are not there yet.
  await client.query(sparseColumnsOfSegments)
  const { rows } = await client.query<{ job: string }>('SELECT DISTINCT job_id AS job FROM curve_segment')
  for (const { job } of rows) await close(client as unknown as Transaction, job, 0)
}

const sparseColumnsOfSegments = `ALTER TABLE "curve_segment"
  ADD COLUMN IF NOT EXISTS "sparse_series" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
  ADD COLUMN IF NOT EXISTS "sparse" BYTEA NOT NULL DEFAULT '\\x'::bytea`

const belongsTo = (a: Row, b: Row) =>
  a.job === b.job && a.epoch === b.epoch && a.effective === b.effective && chunkOf(a.step) === chunkOf(b.step)

function toSegment(rows: Row[]) {
  const seqs = rows.map((row) => Number(row.seq))
  return {
    epoch: rows[0]!.epoch,
    effective: rows[0]!.effective,
    firstSeq: Math.min(...seqs),
    seq: Math.max(...seqs),
    steps: Int32Array.from(rows, (row) => row.step),
    criticSteps: Float64Array.from(rows, (row) => Number(row.criticStep)),
    // Nobody noted them.
    times: new Float64Array(rows.length).fill(NaN),
    values: new Map(SERIES.map((name) => [name, Float32Array.from(rows, (row) => row[name])])),
    sparse: new Map(),
  }
}
