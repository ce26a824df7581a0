import { AppError } from '@kantor/contracts'
import { type Database, joinedTransaction, query } from './database.js'

export interface IdempotentRequest {
  /** Whose key it is; null without authentication. */
  keyId: string | null
  /** The route's name: one key may serve one request on each route. */
  route: string
  /** What the client sent as Idempotency-Key. */
  key: string
  /** SHA-256 of path and body: tells the same request from another one under the same key. */
  requestHash: string
}

export interface StoredReply {
  status: number
  location: string | null
  /** The body as it was sent. */
  reply: string
}

/** How long a reply is kept, on the database's clock. */
const KEPT = `interval '7 days'`

/**
 * Does `work` once per key and gives its reply to every later request, `replayed`. The reply is stored in the transaction of `work`'s
 * own writes, which must go through the handle that it gets: a crash at any moment leaves both or neither. A failure stores nothing.
 * AppError `request-in-progress` while another request with the key runs, `idempotency-key-reused` when it was another request's.
 */
export function answerOnce(
  db: Database,
  { keyId, route, key, requestHash }: IdempotentRequest,
  work: (joined: Database) => Promise<StoredReply>,
): Promise<StoredReply & { replayed: boolean }> {
  const identity = [keyId ?? '', route, key]
  return joinedTransaction(db, async (joined) => {
    // Held until the commit, by the connection: a process that dies lets it go.
    const [lock] = await query<{ won: boolean }>(
      joined,
      'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS won',
      [identity.join('\n')],
    )
    if (!lock!.won)
      throw new AppError('request-in-progress', 'a request with this Idempotency-Key is being answered; ask again')
    const [stored] = await query<StoredReply & { requestHash: string }>(
      joined,
      `SELECT status, location, reply, request_hash AS "requestHash" FROM idempotency_key
       WHERE key_id = $1 AND route = $2 AND key = $3 AND created_at > clock_timestamp() - ${KEPT}`,
      identity,
    )
    if (stored && stored.requestHash !== requestHash)
      throw new AppError(
        'idempotency-key-reused',
        'this Idempotency-Key came with another path or body before; take a new key for a new request',
      )
    if (stored) return { status: stored.status, location: stored.location, reply: stored.reply, replayed: true }

    const made = await work(joined)
    await query(
      joined,
      `INSERT INTO idempotency_key (key_id, route, key, request_hash, status, location, reply)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key_id, route, key) DO UPDATE SET
         request_hash = excluded.request_hash, status = excluded.status, location = excluded.location, reply = excluded.reply,
         created_at = excluded.created_at`,
      [...identity, requestHash, made.status, made.location, made.reply],
    )
    return { ...made, replayed: false }
  })
}

/** Removes the replies that are no longer given; how many. */
export async function forgetReplies(db: Database): Promise<number> {
  const rows = await query(
    db,
    `DELETE FROM idempotency_key WHERE created_at <= clock_timestamp() - ${KEPT} RETURNING route`,
  )
  return rows.length
}
