import { createHash, randomBytes } from 'node:crypto'
import { type Database, query } from './database.js'
import { inForce, keyColumns, type KeyHolder, type KeyRow, noteUse, toHolder } from './keys.js'

/** A browser that logged in with a key: it may do what the key may, while both last. */
export interface DashboardSession {
  holder: KeyHolder
  expiresAt: Date
}

const TOKEN_BYTES = 32
const LIFETIME = `interval '7 days'`
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** `token` goes into the cookie and is stored as a hash. */
export async function startSession(db: Database, keyId: string): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(TOKEN_BYTES).toString('hex')
  const [row] = await query<{ expiresAt: Date }>(
    db,
    `INSERT INTO dashboard_session (token_hash, key_id, expires_at)
     SELECT $1, id, least(clock_timestamp() + ${LIFETIME}, expires_at) FROM api_key WHERE id = $2
     RETURNING expires_at AS "expiresAt"`,
    [sha256(token), keyId],
  )
  return { token, expiresAt: row!.expiresAt }
}

/** Null when it has ended, or its key is no longer in force. */
export async function findSession(db: Database, token: string): Promise<DashboardSession | null> {
  const [row] = await query<KeyRow & { sessionEnd: Date }>(
    db,
    `SELECT ${keyColumns}, s.expires_at AS "sessionEnd" FROM dashboard_session s JOIN api_key ON api_key.id = s.key_id
     WHERE s.token_hash = $1 AND s.expires_at > clock_timestamp() AND ${inForce}`,
    [sha256(token)],
  )
  if (!row) return null
  if (row.isStale) await noteUse(db, row.id)
  return { holder: toHolder(row), expiresAt: row.sessionEnd }
}

/** False when there was none. */
export async function endSession(db: Database, token: string): Promise<boolean> {
  const rows = await query(db, 'DELETE FROM dashboard_session WHERE token_hash = $1 RETURNING key_id', [sha256(token)])
  return rows.length > 0
}

/** Removes those that have ended; how many. */
export async function forgetSessions(db: Database): Promise<number> {
  const rows = await query(db, 'DELETE FROM dashboard_session WHERE expires_at <= clock_timestamp() RETURNING key_id')
  return rows.length
}
