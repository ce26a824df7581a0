import { Scope } from '@kantor/contracts'
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Database, query } from './database.js'

export interface ApiKey {
  id: string
  name: string
  scope: Scope
}

export interface ListedKey extends ApiKey {
  createdAt: string
  expiresAt: string | null
  revokedAt: string | null
  /** Jobs of this key that may run at once; null is no limit. */
  maxRunning: number | null
}

export interface NewKey {
  name: string
  scope: Scope
  expiresAt?: Date | undefined
  /** Jobs of this key that may run at once, 0 or more; no limit unless told. */
  maxRunning?: number | undefined
}

const ID_BYTES = 8
const SECRET_BYTES = 32
const pattern = /^(kantor_([0-9a-f]{16})_[0-9a-f]{64})([0-9a-f]{8})$/

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
/** Lets a scanner of leaked secrets, and us, tell a key from a typing error without asking the database. */
const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0')

/** `key` is shown this once: only its SHA-256 is stored. The secret has 256 random bits, so a plain hash is enough. */
export async function createKey(db: Database, input: NewKey): Promise<{ id: string; key: string }> {
  const id = randomBytes(ID_BYTES).toString('hex')
  const body = `kantor_${id}_${randomBytes(SECRET_BYTES).toString('hex')}`
  const key = body + checksum(body)
  await db.prisma.apiKey.create({
    data: {
      id,
      name: input.name,
      scope: input.scope,
      hash: sha256(key),
      expiresAt: input.expiresAt ?? null,
      maxRunning: input.maxRunning ?? null,
    },
  })
  return { id, key }
}

/** Who a token belongs to; null for one that is malformed, unknown, expired or revoked. */
export async function verifyKey(db: Database, token: string): Promise<ApiKey | null> {
  const [, body, id, sum] = pattern.exec(token) ?? []
  if (body === undefined || checksum(body) !== sum) return null
  const rows = await query<ApiKey & { hash: string }>(
    db,
    `SELECT id, name, scope, hash FROM api_key
     WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    [id],
  )
  const row = rows[0]
  // Compared for an unknown id too, so that the time says nothing about which ids exist.
  const equal = timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(row?.hash ?? sha256('')))
  return row && equal ? { id: row.id, name: row.name, scope: Scope.parse(row.scope) } : null
}

/** Whether any key is in force: without one the service stays on loopback. */
export async function hasKeys(db: Database): Promise<boolean> {
  const rows = await query(
    db,
    'SELECT 1 FROM api_key WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) LIMIT 1',
  )
  return rows.length > 0
}

/** Every key ever made, oldest first, without its secret. */
export async function listKeys(db: Database): Promise<ListedKey[]> {
  const rows = await db.prisma.apiKey.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] })
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    scope: Scope.parse(row.scope),
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    maxRunning: row.maxRunning,
  }))
}

/** In force from the next request on. False when there is no such key, or it was revoked before. */
export async function revokeKey(db: Database, id: string): Promise<boolean> {
  const rows = await query(
    db,
    'UPDATE api_key SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id',
    [id],
  )
  return rows.length > 0
}

/** Jobs of this key that may run at once from now on, null for any number; what runs goes on. False when there is no such key. */
export async function setMaxRunning(db: Database, id: string, maxRunning: number | null): Promise<boolean> {
  const rows = await query(db, 'UPDATE api_key SET max_running = $2 WHERE id = $1 RETURNING id', [id, maxRunning])
  return rows.length > 0
}
