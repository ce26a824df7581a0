import { type CurveReply, JobMetric, type Measurement, type MetricSeriesName } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Page, type PageQuery, readStepCursor, stepCursor, toPage } from './cursor.js'
import { type Database, query, type Transaction } from './database.js'

interface MetricRow extends Omit<JobMetric, 'attempt' | 'createdAt'> {
  epoch: number
  createdAt: Date
}

const columns = `id, step, epoch, name, value, low, high, floor, blurred, images, extractor, created_at AS "createdAt"`

const toMetric = ({ epoch, createdAt, ...row }: MetricRow): JobMetric =>
  JobMetric.parse({ ...row, attempt: epoch, createdAt: createdAt.toISOString() })

/** Not of a checkpoint that a resumed attempt rolled back behind. */
const effective = `NOT EXISTS (SELECT 1 FROM curve_rollback AS back
  WHERE back.job_id = metric.job_id AND back.epoch > metric.epoch AND back.after_step < metric.step)`

/**
 * Notes what was measured of a checkpoint; an earlier figure of the same metric gives way. The job's row must be locked: readers that poll
 * its curve learn of it.
 */
export async function addMetricsIn(
  tx: Transaction,
  checkpointId: string,
  measured: readonly Measurement[],
): Promise<void> {
  const { rows } = await tx.query<{ jobId: string }>(
    `INSERT INTO metric (id, job_id, epoch, step, name, value, low, high, floor, blurred, images, extractor)
     SELECT m.id, job_id, epoch, step, m.name, m.value, m.low, m.high, m.floor, m.blurred, m.images, m.extractor
     FROM checkpoint, jsonb_to_recordset($2::jsonb) AS m(id uuid, name text, value float8, low float8, high float8, floor float8,
       blurred float8, images int, extractor text)
     WHERE checkpoint.id = $1
     ON CONFLICT (job_id, epoch, step, name) DO UPDATE SET value = excluded.value, low = excluded.low, high = excluded.high,
       floor = excluded.floor, blurred = excluded.blurred, images = excluded.images, extractor = excluded.extractor,
       created_at = clock_timestamp()
     RETURNING job_id AS "jobId"`,
    [checkpointId, JSON.stringify(measured.map((one) => ({ id: uuidv7(), ...one })))],
  )
  if (rows[0]) await tx.query('UPDATE job SET curve_seq = curve_seq + 1 WHERE id = $1', [rows[0].jobId])
}

/** Latest step first. AppError `invalid-cursor` for a cursor of another list. */
export async function listMetrics(db: Database, jobId: string, { limit, cursor }: PageQuery): Promise<Page<JobMetric>> {
  const after = cursor === undefined ? null : readStepCursor(cursor)
  const rows = await query<MetricRow>(
    db,
    `SELECT ${columns} FROM metric WHERE job_id = $1 AND ($2::int IS NULL OR (step, id) < ($2, $3::uuid))
     ORDER BY step DESC, id DESC LIMIT $4`,
    [jobId, after?.step ?? null, after?.id ?? null, limit + 1],
  )
  return toPage(rows, limit, toMetric, stepCursor)
}

/** As series of a curve: one entry per checkpoint of the range. */
export async function readMetricSeries(
  tx: Transaction,
  jobId: string,
  names: readonly MetricSeriesName[],
  range: { first: number; last: number },
): Promise<CurveReply['series']> {
  const { rows } = await tx.query<Pick<MetricRow, 'step' | 'name' | 'value' | 'floor'>>(
    `SELECT DISTINCT ON (name, step) step, name, value, floor FROM metric
     WHERE job_id = $1 AND name = ANY($2) AND step BETWEEN $3 AND $4 AND ${effective} ORDER BY name, step, epoch DESC`,
    [jobId, names.map((name) => name.slice('metric.'.length)), range.first, range.last],
  )
  return Object.fromEntries(
    names.map((series) => {
      const found = rows.filter(({ name }) => series === `metric.${name}`)
      const values = found.map(({ value }) => value)
      return [
        series,
        {
          x: found.map(({ step }) => step),
          last: values,
          min: values,
          max: values,
          mean: values,
          n: found.map(() => 1),
          bad: found.map(() => 0),
          floor: found.map(({ floor }) => floor),
        },
      ]
    }),
  )
}
