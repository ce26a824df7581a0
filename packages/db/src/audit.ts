import { AuditEntry } from '@kantor/contracts'
import { auditCursor, type Page, type PageQuery, readAuditCursor, toPage } from './cursor.js'
import { type Database, query } from './database.js'

export type NewAuditEntry = Omit<AuditEntry, 'id' | 'at'>

/** In one statement, in the order given. */
export async function appendAudit(db: Database, entries: NewAuditEntry[]): Promise<void> {
  const column = (name: keyof NewAuditEntry) => entries.map((entry) => entry[name])
  await query(
    db,
    `INSERT INTO audit_entry (actor, key_id, address, request_id, action, target, status)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])`,
    [
      column('actor'),
      column('keyId'),
      column('address'),
      column('requestId'),
      column('action'),
      column('target'),
      column('status'),
    ],
  )
}

const BATCH = 10_000

/** Removes entries that are older than so many days, 30 at least; how many. A batch at a time, so that no lock lasts. */
export async function forgetAudit(db: Database, days: number): Promise<number> {
  let total = 0
  for (;;) {
    const rows = await query(
      db,
      `DELETE FROM audit_entry WHERE id IN (
         SELECT id FROM audit_entry WHERE at < clock_timestamp() - make_interval(days => $1) ORDER BY id LIMIT $2
       ) RETURNING id`,
      [days, BATCH],
    )
    total += rows.length
    if (rows.length < BATCH) return total
  }
}

export interface AuditFilter {
  keyId?: string | undefined
  action?: string | undefined
  target?: string | undefined
}

/** Newest first. AppError `invalid-cursor`. */
export async function listAudit(db: Database, options: PageQuery & AuditFilter): Promise<Page<AuditEntry>> {
  const before = options.cursor === undefined ? null : readAuditCursor(options.cursor)
  const rows = await query<Omit<AuditEntry, 'at'> & { at: Date }>(
    db,
    `SELECT id::text, at, actor, key_id AS "keyId", address, request_id AS "requestId", action, target, status
     FROM audit_entry
     WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR key_id = $2) AND ($3::text IS NULL OR action = $3)
       AND ($4::text IS NULL OR target = $4)
     ORDER BY audit_entry.id DESC LIMIT $5`,
    [before, options.keyId ?? null, options.action ?? null, options.target ?? null, options.limit + 1],
  )
  const convert = (row: (typeof rows)[number]) => AuditEntry.parse({ ...row, at: row.at.toISOString() })
  return toPage(rows, options.limit, convert, ({ id }) => auditCursor(id))
}
