import { type AlertCondition, type AlertRule, type SeriesName } from '@kantor/contracts'
import { listAlertRules } from './alert-rules.js'
import { newestPoints } from './dossier.js'
import { type Database, query } from './database.js'

type Condition<K extends AlertCondition['kind']> = Extract<AlertCondition, { kind: K }>
interface Watched {
  id: string
  step: number
}

/** Looks at every job that a rule watches and tells webhooks of what is new; how many alerts fired. */
export async function watchAlerts(db: Database): Promise<number> {
  let fired = 0
  for (const rule of await listAlertRules(db)) if (rule.active) fired += await watchRule(db, rule)
  return fired
}

async function watchRule(db: Database, rule: AlertRule): Promise<number> {
  const { condition } = rule
  if (condition.kind === 'state') return fireAll(db, rule, await endedJobs(db, rule, condition))
  if (condition.kind === 'stalled') return fireAll(db, rule, await standingJobs(db, rule, condition))
  const found: (Watched & { message: string })[] = []
  for (const job of await runningJobs(db, rule)) {
    const message = await judge(db, job.id, condition)
    if (message !== null) found.push({ ...job, message })
  }
  return fireAll(db, rule, found)
}

const step = `coalesce((job.progress->>'step')::int, 0)`
const untold = `NOT EXISTS (SELECT 1 FROM alert WHERE rule_id = $1 AND job_id = job.id AND fired_at IS NOT NULL)`

const runningJobs = (db: Database, { id }: AlertRule) =>
  query<Watched>(db, `SELECT id, ${step} AS step FROM job WHERE state = 'running' AND ${untold} ORDER BY id`, [id])

const endedJobs = (db: Database, { id }: AlertRule, { states }: Condition<'state'>) =>
  query<Watched & { message: string }>(
    db,
    `SELECT id, ${step} AS step, state || ': ' || coalesce(message, reason) AS message FROM job
     WHERE state = ANY($2) AND imported_from IS NULL AND ${untold} AND finished_at > (SELECT created_at FROM alert_rule WHERE id = $1) ORDER BY id`,
    [id, states],
  )

/** A watch remembers, on the database's clock, since when each running job has stood at its step; one that moves or leaves starts anew. */
async function standingJobs(db: Database, { id }: AlertRule, { seconds }: Condition<'stalled'>) {
  await query(
    db,
    `DELETE FROM alert USING job WHERE rule_id = $1 AND fired_at IS NULL AND job.id = job_id AND job.state <> 'running'`,
    [id],
  )
  await query(
    db,
    `INSERT INTO alert (rule_id, job_id, step) SELECT $1, job.id, ${step} FROM job WHERE state = 'running'
     ON CONFLICT (rule_id, job_id) DO UPDATE SET step = excluded.step, since = clock_timestamp()
       WHERE alert.fired_at IS NULL AND alert.step <> excluded.step`,
    [id],
  )
  return query<Watched & { message: string }>(
    db,
    `SELECT job_id AS id, step, 'no step after ' || step || ' for ' || $2::int || ' seconds' AS message FROM alert
     WHERE rule_id = $1 AND fired_at IS NULL AND since <= clock_timestamp() - make_interval(secs => $2::int) ORDER BY job_id`,
    [id, seconds],
  )
}

/** What is wrong with a running job's curve, or null: also while there are fewer points than the rule judges. */
async function judge(
  db: Database,
  jobId: string,
  condition: Condition<'threshold' | 'change'>,
): Promise<string | null> {
  const { kind, metric, points } = condition
  const values = await newestValues(db, jobId, metric, kind === 'change' ? 2 * points : points)
  if (values === null) return null
  const now = median(values.slice(-points))
  if (now === null) return null
  if (condition.kind === 'threshold') {
    const { op, value } = condition
    return (op === 'above' ? now > value : now < value) ? `${metric} is ${now}, ${op} ${value}` : null
  }
  const before = median(values.slice(0, points))
  if (before === null) return null
  const { direction, by } = condition
  return (direction === 'rise' ? now - before : before - now) > by
    ? `${metric} went from ${before} to ${now}, a ${direction} of more than ${by}`
    : null
}

async function newestValues(db: Database, jobId: string, metric: SeriesName, count: number): Promise<number[] | null> {
  const points = await newestPoints(db, jobId, count)
  return points.length < count ? null : points.map(({ values }) => Number(values[metric]))
}

function median(values: number[]): number | null {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b)
  const middle = finite.length >> 1
  if (finite.length === 0) return null
  return finite.length % 2 === 1 ? finite[middle]! : (finite[middle - 1]! + finite[middle]!) / 2
}

/** Each once, however many look; the webhooks' news commit with the alert. */
async function fireAll(db: Database, rule: AlertRule, found: (Watched & { message: string })[]): Promise<number> {
  let fired = 0
  for (const { id, step: at, message } of found) {
    const rows = await query(
      db,
      `WITH fired AS (
         INSERT INTO alert (rule_id, job_id, step, message, fired_at) SELECT $1, id, $3, $4, clock_timestamp() FROM job WHERE id = $2
         ON CONFLICT (rule_id, job_id) DO UPDATE SET step = excluded.step, message = excluded.message, fired_at = excluded.fired_at
           WHERE alert.fired_at IS NULL
         RETURNING *
       ), told AS (
         INSERT INTO webhook_delivery (webhook_id, event, job_id, payload)
         SELECT webhook.id, 'alert.fired', job_id, json_build_object('type', 'alert.fired', 'timestamp', fired_at, 'data', json_build_object(
           'ruleId', rule_id, 'rule', $5::text, 'jobId', job_id, 'step', step, 'message', message))::text
         FROM fired JOIN webhook ON webhook.active AND 'alert.fired' = ANY(webhook.events)
       )
       SELECT 1 FROM fired`,
      [rule.id, id, at, message, rule.name],
    )
    fired += rows.length
  }
  return fired
}
