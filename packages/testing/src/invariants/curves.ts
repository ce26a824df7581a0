import { runtimeCatalogue } from '@kantor/contracts'
import type { InvariantOptions } from './check-invariants.js'
import type { Read } from './snapshot.js'

interface CurveFacts {
  id: string
  state: string
  /** Where its first attempt began: 0, or the step of another job's checkpoint that it goes on from. */
  base: number
  first: number
  last: number
  points: number
  steps: number
  /** Newest good checkpoint. */
  durable: number
  budget: number | null
  curveSeq: string
  newestSeq: string
}

/** The curve that readers see has every step once, up to what is durable at least, and nothing in it came from an attempt that was over. */
export async function checkCurves(read: Read, { bitwise = false }: InvariantOptions): Promise<string[]> {
  const jobs = await read<CurveFacts>(
    `SELECT job.id, state, coalesce((SELECT resume_step FROM attempt WHERE job_id = job.id AND epoch = 1), 0) AS base, coalesce(first, 0) AS first, coalesce(last, 0) AS last, coalesce(points, 0)::int AS points,
       coalesce(steps, 0)::int AS steps, coalesce(durable, 0) AS durable, curve_seq AS "curveSeq", coalesce(newest_seq, 0) AS "newestSeq",
       CASE WHEN (spec->'budget') - 'generatorSteps' = '{}' THEN (spec->'budget'->>'generatorSteps')::int END AS budget
     FROM job
     LEFT JOIN (
       SELECT job_id, min(step) AS first, max(step) AS last, count(*) AS points, count(DISTINCT step) AS steps
       FROM (${points}) AS point WHERE effective GROUP BY job_id
     ) AS curve ON curve.job_id = job.id
     LEFT JOIN (SELECT job_id, max(seq) AS newest_seq FROM curve_segment GROUP BY job_id) AS written ON written.job_id = job.id
     LEFT JOIN (
       SELECT DISTINCT ON (job_id) job_id, step AS durable FROM checkpoint WHERE NOT quarantined ORDER BY job_id, epoch DESC, step DESC
     ) AS saved ON saved.job_id = job.id
     ORDER BY job.id`,
  )
  const shape = jobs.flatMap((job) => shapeFaults(job).map((fault) => `job ${job.id}: ${fault}`))
  const strays = await checkOlderAttempts(read)
  return [...shape, ...strays, ...(bitwise ? await checkReplays(read) : [])]
}

function shapeFaults(facts: CurveFacts): string[] {
  const { state, base, first, last, points, steps, durable, budget, curveSeq, newestSeq } = facts
  const faults: string[] = []
  if (points !== steps) faults.push(`its curve has ${points} points at ${steps} steps`)
  if (points > 0 && (first !== base + 1 || last - first + 1 !== steps))
    faults.push(`its curve has ${steps} steps from ${first} to ${last}: some are missing`)
  if (last < durable) faults.push(`its curve ends at step ${last}, its newest checkpoint is of step ${durable}`)
  if (BigInt(newestSeq) > BigInt(curveSeq))
    faults.push(`a point has the number ${newestSeq}, the job counts ${curveSeq}`)
  if (state === 'succeeded' && durable !== last)
    faults.push(`it succeeded at step ${last} with a checkpoint of step ${durable}`)
  if (state === 'succeeded' && budget !== null && last !== budget)
    faults.push(`it succeeded at step ${last} of ${budget}`)
  return faults
}

/** A zombie's rows: written after a later attempt had the job, or standing in the curve above a later attempt's. */
async function checkOlderAttempts(read: Read): Promise<string[]> {
  const late = await read<{ id: string; what: string; attempt: number; step: number }>(
    `WITH written AS (
       SELECT job_id, epoch, min(first_seq) AS first, max(seq) AS last FROM curve_segment GROUP BY job_id, epoch
     ), takeover AS (
       SELECT job_id, epoch, min(at) AS at FROM job_event WHERE from_state = 'queued' AND to_state = 'starting' GROUP BY job_id, epoch
     )
     SELECT old.job_id AS id, 'points' AS what, old.epoch AS attempt, NULL AS step
       FROM written AS old JOIN written AS new ON new.job_id = old.job_id AND new.epoch > old.epoch AND new.first < old.last
     UNION SELECT row.job_id, 'a checkpoint', row.epoch, row.step
       FROM checkpoint AS row JOIN takeover ON takeover.job_id = row.job_id AND takeover.epoch > row.epoch AND takeover.at < row.created_at
     UNION SELECT row.job_id, 'a sample', row.epoch, row.step
       FROM sample AS row JOIN takeover ON takeover.job_id = row.job_id AND takeover.epoch > row.epoch AND takeover.at < row.created_at
     ORDER BY 1, 2, 3`,
  )
  const above = await read<{ id: string; attempt: number; step: number }>(
    `SELECT job_id AS id, epoch AS attempt, min(step) AS step FROM (
       SELECT job_id, epoch, step, max(epoch) OVER (PARTITION BY job_id ORDER BY step) AS newest FROM (${points}) AS curve WHERE effective
     ) AS point WHERE epoch < newest GROUP BY job_id, epoch ORDER BY 1, 2`,
  )
  return [
    ...late.map(
      ({ id, what, attempt, step }) =>
        `job ${id}: attempt ${attempt} wrote ${what}${step === null ? '' : ` of step ${step}`} after a later attempt had begun`,
    ),
    ...above.map(
      ({ id, attempt, step }) => `job ${id}: its curve shows attempt ${attempt} at step ${step}, above a later attempt`,
    ),
  ]
}

async function checkReplays(read: Read): Promise<string[]> {
  const rows = await read<{ id: string; step: number; first: number; second: number }>(
    `WITH point AS MATERIALIZED (${points})
     SELECT DISTINCT ON (a.job_id) a.job_id AS id, a.step, a.epoch AS first, b.epoch AS second
     FROM point AS a JOIN point AS b ON b.job_id = a.job_id AND b.step = a.step AND b.epoch > a.epoch
     WHERE ${bits('a')} <> ${bits('b')} OR ${criticStep('a')} <> ${criticStep('b')} ORDER BY a.job_id, a.step`,
  )
  return rows.map(
    ({ id, step, first, second }) => `job ${id}: attempts ${first} and ${second} made different points at step ${step}`,
  )
}

/** Every point as a row: its step, and where it is in its segment, counted from 0. */
const points = `SELECT segment.*, place, first_step + coalesce(offsets[place + 1], place) AS step
  FROM curve_segment AS segment CROSS JOIN LATERAL generate_series(0, num_points - 1) AS place`

/** Series of the machine: no run repeats them. */
const unrepeated = Object.keys(runtimeCatalogue).map((name) => `'${name}'`)

/** The four bytes of every series that a replay repeats, by name. */
const bits = (of: string) =>
  `(SELECT string_agg(name || substring(encode(${of}."values", 'hex') FROM ((at - 1) * ${of}.num_points + ${of}.place)::int * 8 + 1 FOR 8), ' ' ORDER BY name)
    FROM unnest(${of}.series) WITH ORDINALITY AS column_of(name, at) WHERE name NOT IN (${unrepeated.join()}))`

/** Count and difference, again and again, added up to the point's place. */
const criticStep = (of: string) =>
  `(${of}.first_critic_step + (SELECT coalesce(sum(least(count, greatest(${of}.place - before, 0)) * difference), 0) FROM (
      SELECT ${of}.critic_runs[2 * run - 1] AS count, ${of}.critic_runs[2 * run] AS difference,
        coalesce(sum(${of}.critic_runs[2 * run - 1]) OVER (ORDER BY run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM generate_series(1, cardinality(${of}.critic_runs) / 2) AS run
    ) AS runs))`
