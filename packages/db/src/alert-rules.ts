import { Alert, AlertRule, AppError, type CreateAlertRule, type PatchAlertRule } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Database, query } from './database.js'

type RuleRow = Omit<AlertRule, 'createdAt'> & { createdAt: Date }

const columns = `id, name, condition, active, created_at AS "createdAt"`
const toRule = (row: RuleRow): AlertRule => AlertRule.parse({ ...row, createdAt: row.createdAt.toISOString() })

export async function createAlertRule(db: Database, { name, condition, active }: CreateAlertRule): Promise<AlertRule> {
  const [row] = await query<RuleRow>(
    db,
    `INSERT INTO alert_rule (id, name, condition, active) VALUES ($1, $2, $3, $4) RETURNING ${columns}`,
    [uuidv7(), name, condition, active],
  )
  return toRule(row!)
}

/** Oldest first. */
export async function listAlertRules(db: Database): Promise<AlertRule[]> {
  return (await query<RuleRow>(db, `SELECT ${columns} FROM alert_rule ORDER BY id`)).map(toRule)
}

/** What is absent stays. AppError `not-found`. */
export async function patchAlertRule(
  db: Database,
  id: string,
  { name, condition, active }: PatchAlertRule,
): Promise<AlertRule> {
  const [row] = await query<RuleRow>(
    db,
    `UPDATE alert_rule SET name = coalesce($2, name), condition = coalesce($3, condition), active = coalesce($4, active)
     WHERE id = $1 RETURNING ${columns}`,
    [id, name ?? null, condition ?? null, active ?? null],
  )
  if (!row) throw gone(id)
  return toRule(row)
}

/** With its alerts. AppError `not-found`. */
export async function deleteAlertRule(db: Database, id: string): Promise<void> {
  if ((await query(db, 'DELETE FROM alert_rule WHERE id = $1 RETURNING id', [id])).length === 0) throw gone(id)
}

/** Newest first. AppError `not-found` for an unknown rule. */
export async function listAlerts(db: Database, ruleId: string, limit: number): Promise<Alert[]> {
  const rows = await query<Omit<Alert, 'firedAt'> & { firedAt: Date }>(
    db,
    `SELECT rule_id AS "ruleId", job_id AS "jobId", step, message, fired_at AS "firedAt" FROM alert
     WHERE rule_id = $1 AND fired_at IS NOT NULL ORDER BY fired_at DESC, job_id LIMIT $2`,
    [ruleId, limit],
  )
  if (rows.length === 0 && (await query(db, 'SELECT 1 FROM alert_rule WHERE id = $1', [ruleId])).length === 0)
    throw gone(ruleId)
  return rows.map((row) => Alert.parse({ ...row, firedAt: row.firedAt.toISOString() }))
}

const gone = (id: string) => new AppError('not-found', `there is no alert rule ${id}`)
