import { randomBytes } from 'node:crypto'
import { AppError, type CreateWebhook, type PatchWebhook, Webhook } from '@kantor/contracts'
import { v7 as uuidv7 } from 'uuid'
import { type Database, query } from './database.js'

type WebhookRow = Omit<Webhook, 'createdAt'> & { createdAt: Date }

const columns = `id, url, events, active, created_at AS "createdAt"`
const SECRET_BYTES = 32

const toWebhook = (row: WebhookRow): Webhook => Webhook.parse({ ...row, createdAt: row.createdAt.toISOString() })
const gone = (id: string) => new AppError('not-found', `there is no webhook ${id}`)

/** `secret` is told this once; it signs what is sent. */
export async function createWebhook(db: Database, input: CreateWebhook): Promise<Webhook & { secret: string }> {
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
  const [row] = await query<WebhookRow>(
    db,
    `INSERT INTO webhook (id, url, events, active, secret) VALUES ($1, $2, $3, $4, $5) RETURNING ${columns}`,
    [uuidv7(), input.url, input.events, input.active, secret],
  )
  return { ...toWebhook(row!), secret }
}

/** Oldest first. */
export async function listWebhooks(db: Database): Promise<Webhook[]> {
  return (await query<WebhookRow>(db, `SELECT ${columns} FROM webhook ORDER BY id`)).map(toWebhook)
}

/** AppError `not-found`. */
export async function getWebhook(db: Database, id: string): Promise<Webhook> {
  const [row] = await query<WebhookRow>(db, `SELECT ${columns} FROM webhook WHERE id = $1`, [id])
  if (!row) throw gone(id)
  return toWebhook(row)
}

/** What signs its requests: for whoever sends them, and never for a reply. AppError `not-found`. */
export async function webhookSecret(db: Database, id: string): Promise<string> {
  const [row] = await query<{ secret: string }>(db, 'SELECT secret FROM webhook WHERE id = $1', [id])
  if (!row) throw gone(id)
  return row.secret
}

/** What is absent stays. AppError `not-found`. */
export async function patchWebhook(db: Database, id: string, { url, events, active }: PatchWebhook): Promise<Webhook> {
  const [row] = await query<WebhookRow>(
    db,
    `UPDATE webhook SET url = coalesce($2, url), events = coalesce($3, events), active = coalesce($4, active)
     WHERE id = $1 RETURNING ${columns}`,
    [id, url ?? null, events ?? null, active ?? null],
  )
  if (!row) throw gone(id)
  return toWebhook(row)
}

/** With its deliveries. AppError `not-found`. */
export async function deleteWebhook(db: Database, id: string): Promise<void> {
  const rows = await query(db, 'DELETE FROM webhook WHERE id = $1 RETURNING id', [id])
  if (rows.length === 0) throw gone(id)
}
