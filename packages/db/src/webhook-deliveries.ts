import { type WebhookAnswer, WebhookDelivery } from '@kantor/contracts'
import { type Database, query } from './database.js'

/** Requests at most; the last one is due about 19 hours after the first. */
const MAX_TRIES = 10
const BATCH = 20
const KEPT = `interval '7 days'`
/** 20 s after the first try, three times as long after each further one, 6 hours at most; a random part spreads many apart. */
const pause = 'make_interval(secs => least(21600, 20 * 3.0 ^ tries) * (1 + random() / 4))'

export interface DueDelivery {
  id: string
  url: string
  secret: string
  /** The body to sign and send. */
  payload: string
}

/**
 * Takes deliveries that are due, oldest first. Each is put off to its next try before this one is made: whoever dies while sending leaves
 * it to the next leader, so that it arrives at least once.
 */
export async function takeDueDeliveries(db: Database): Promise<DueDelivery[]> {
  return query<DueDelivery>(
    db,
    `UPDATE webhook_delivery SET tries = tries + 1, next_at = clock_timestamp() + ${pause}
     FROM webhook WHERE webhook.id = webhook_id AND webhook_delivery.id IN (
       SELECT due.id FROM webhook_delivery AS due JOIN webhook ON webhook.id = due.webhook_id AND webhook.active
       WHERE due.state = 'pending' AND due.next_at <= clock_timestamp()
       ORDER BY due.next_at LIMIT ${BATCH} FOR UPDATE OF due SKIP LOCKED)
     RETURNING webhook_delivery.id, url, secret, payload`,
  )
}

/** What came of a try; the last one that fails ends the delivery. */
export async function noteDelivery(db: Database, id: string, { ok, status, error }: WebhookAnswer): Promise<void> {
  await query(
    db,
    `UPDATE webhook_delivery SET status = $2, error = $3,
       state = CASE WHEN $4 THEN 'delivered' WHEN tries >= ${MAX_TRIES} THEN 'failed' ELSE 'pending' END,
       delivered_at = CASE WHEN $4 THEN clock_timestamp() END
     WHERE id = $1 AND state = 'pending'`,
    [id, status, error, ok],
  )
}

type DeliveryRow = Omit<WebhookDelivery, 'nextAt' | 'createdAt' | 'deliveredAt'> & {
  nextAt: Date
  createdAt: Date
  deliveredAt: Date | null
}

/** Newest first. */
export async function listDeliveries(
  db: Database,
  webhookId: string,
  { state, limit }: { state?: WebhookDelivery['state'] | undefined; limit: number },
): Promise<WebhookDelivery[]> {
  const rows = await query<DeliveryRow>(
    db,
    `SELECT id, event, job_id AS "jobId", state, tries, next_at AS "nextAt", status, error, created_at AS "createdAt",
       delivered_at AS "deliveredAt"
     FROM webhook_delivery WHERE webhook_id = $1 AND ($2::text IS NULL OR state = $2) ORDER BY created_at DESC, id LIMIT $3`,
    [webhookId, state ?? null, limit],
  )
  return rows.map((row) =>
    WebhookDelivery.parse({
      ...row,
      nextAt: row.state === 'pending' ? row.nextAt.toISOString() : null,
      createdAt: row.createdAt.toISOString(),
      deliveredAt: row.deliveredAt?.toISOString() ?? null,
    }),
  )
}

/** Removes deliveries that have been over for long. */
export async function forgetDeliveries(db: Database): Promise<void> {
  await query(db, `DELETE FROM webhook_delivery WHERE state <> 'pending' AND created_at < clock_timestamp() - ${KEPT}`)
}
