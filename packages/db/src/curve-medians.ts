import { seriesNames } from '@kantor/contracts'

/** The authors' filter width. */
const WINDOW = 101

/**
 * SQL for a JSON object: the median of every series over the newest 101 effective points of a job up to a step, null where none is finite.
 * Unlike the curve's filter the window ends at the step: a checkpoint is judged when it is written, before later points exist.
 */
export const mediansUpTo = (job: string, step: string): string => `
  SELECT jsonb_build_object(${seriesNames.map((name) => `'${name}', ${medianOf(name)}`).join(', ')})
  FROM (
    SELECT * FROM curve_point WHERE job_id = ${job} AND effective AND step <= ${step} ORDER BY step DESC LIMIT ${WINDOW}
  ) AS newest`

// NaN sorts above Infinity, so the upper bound leaves it out too.
const medianOf = (series: string) =>
  `percentile_cont(0.5) WITHIN GROUP (ORDER BY ${series}) FILTER (WHERE ${series} > '-Infinity' AND ${series} < 'Infinity')`
