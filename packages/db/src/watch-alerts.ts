import type { AlertCondition, AlertRule } from '@kantor/contracts'
import { listAlertRules } from './alert-rules.js'
import { newestPoints } from './dossier.js'
import { type Database, query, transaction, type Transaction } from './database.js'
import { jobColumns, type OwnedJobRow } from './job-row.js'
import { appendEvent, lockJob } from './transition.js'

/** Of events that a rule leaves in a job. */
const ACTOR = 'alert rules'

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
  for (const id of await runningJobs(db, rule)) {
    const verdict = await judge(db, id, condition)
    if (verdict !== null) found.push({ id, ...verdict })
  }
  return fireAll(db, rule, found)
}

const step = `coalesce((job.progress->>'step')::int, 0)`
const untold = `NOT EXISTS (SELECT 1 FROM alert WHERE rule_id = $1 AND job_id = job.id AND fired_at IS NOT NULL)`

async function runningJobs(db: Database, { id }: AlertRule): Promise<string[]> {
  const rows = await query<{ id: string }>(db, `SELECT id FROM job WHERE state = 'running' AND ${untold} ORDER BY id`, [
    id,
  ])
  return rows.map((row) => row.id)
}

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

/** What is wrong with a running job's curve at its newest step, or null: also while there are fewer points than the rule judges. */
async function judge(
  db: Database,
  jobId: string,
  condition: Condition<'threshold' | 'change'>,
): Promise<Pick<Watched & { message: string }, 'step' | 'message'> | null> {
  const { kind, metric, points: size } = condition
  const count = kind === 'change' ? 2 * size : size
  const points = await newestPoints(db, jobId, count)
  if (points.length < count) return null
  const message = finding(
    condition,
    points.map(({ values }) => Number(values[metric])),
  )
  return message === null ? null : { step: points.at(-1)!.step, message }
}

function finding(condition: Condition<'threshold' | 'change'>, values: number[]): string | null {
  const { metric, points: size } = condition
  const now = median(values.slice(-size))
  if (now === null) return null
  if (condition.kind === 'threshold') {
    const { op, value } = condition
    return (op === 'above' ? now > value : now < value) ? `${metric} is ${now}, ${op} ${value}` : null
  }
  const before = median(values.slice(0, size))
  if (before === null) return null
  const { direction, by } = condition
  return (direction === 'rise' ? now - before : before - now) > by
    ? `${metric} went from ${before} to ${now}, a ${direction} of more than ${by}`
    : null
}

function median(values: number[]): number | null {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b)
  const middle = finite.length >> 1
  if (finite.length === 0) return null
  return finite.length % 2 === 1 ? finite[middle]! : (finite[middle - 1]! + finite[middle]!) / 2
}

/** Each once, however many look; the job's event, the mark on its curve and the webhooks' news commit with the alert. */
async function fireAll(db: Database, rule: AlertRule, found: (Watched & { message: string })[]): Promise<number> {
  let fired = 0
  for (const one of found) if (await transaction(db, (tx) => fire(tx, rule, one))) fired += 1
  return fired
}

async function fire(tx: Transaction, rule: AlertRule, { id, step: at, message }: Watched & { message: string }) {
  const job = await lockJob(tx, id)
  if (!job) return false
  const { rows } = await tx.query<{ firedAt: Date }>(
    `INSERT INTO alert (rule_id, job_id, step, message, fired_at) SELECT id, $2, $3, $4, clock_timestamp() FROM alert_rule WHERE id = $1
     ON CONFLICT (rule_id, job_id) DO UPDATE SET step = excluded.step, message = excluded.message, fired_at = excluded.fired_at
       WHERE alert.fired_at IS NULL
     RETURNING fired_at AS "firedAt"`,
    [rule.id, id, at, message],
  )
  if (!rows[0]) return false
  // The job's own reason stays: the alert is about it, not of it. A curve's marks change.
  const told = await tx.query<OwnedJobRow>(
    `UPDATE job SET event_seq = event_seq + 1, curve_seq = curve_seq + 1 WHERE id = $1 RETURNING ${jobColumns}`,
    [id],
  )
  const note = {
    to: job.state,
    reason: 'alert_fired',
    actor: ACTOR,
    message: `${rule.name}: ${message}`,
    step: at,
  } as const
  await appendEvent(tx, job.state, told.rows[0]!, note)
  await tx.query(
    `INSERT INTO webhook_delivery (webhook_id, event, job_id, payload)
     SELECT webhook.id, 'alert.fired', $1, json_build_object('type', 'alert.fired', 'timestamp', $2::timestamptz, 'data', json_build_object(
       'ruleId', $3::uuid, 'rule', $4::text, 'jobId', $1::uuid, 'step', $5::int, 'message', $6::text))::text
     FROM webhook WHERE webhook.active AND 'alert.fired' = ANY(webhook.events)`,
    [id, rows[0].firedAt, rule.id, rule.name, at, message],
  )
  return true
}
