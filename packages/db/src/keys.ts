import { ApiKey, AppError, type KeyQuotas, type PatchApiKey, Scope } from '@kantor/contracts'
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Database, query } from './database.js'

/** Whose token it was, and what it may do. */
export interface KeyHolder {
  id: string
  name: string
  scope: Scope
  quotas: KeyQuotas
}

export interface NewKey extends Partial<KeyQuotas> {
  name: string
  scope: Scope
  expiresAt?: Date | null
}

const ID_BYTES = 8
const SECRET_BYTES = 32
const pattern = /^(kantor_([0-9a-f]{16})_[0-9a-f]{64})([0-9a-f]{8})$/

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
/** Lets a scanner of leaked secrets, and us, tell a key from a typing error without asking the database. */
const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0')

/** Of `api_key`, when it is in force. */
export const inForce =
  'api_key.revoked_at IS NULL AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp())'

export interface KeyRow {
  id: string
  name: string
  scope: string
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
  lastUsedAt: Date | null
  maxRunning: number | null
  maxQueued: number | null
  maxPetaOperations: number | null
  /** Its last use is older than what is told. */
  isStale: boolean
}

export const keyColumns = `api_key.id, api_key.name, api_key.scope, api_key.created_at AS "createdAt",
  api_key.expires_at AS "expiresAt", api_key.revoked_at AS "revokedAt", api_key.last_used_at AS "lastUsedAt",
  api_key.max_running AS "maxRunning", api_key.max_queued AS "maxQueued", api_key.max_peta_operations AS "maxPetaOperations",
  coalesce(api_key.last_used_at < clock_timestamp() - interval '1 minute', true) AS "isStale"`

const toKey = (row: KeyRow): ApiKey =>
  ApiKey.parse({
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  })

export const toHolder = ({ id, name, scope, maxRunning, maxQueued, maxPetaOperations }: KeyRow): KeyHolder => ({
  id,
  name,
  scope: Scope.parse(scope),
  quotas: { maxRunning, maxQueued, maxPetaOperations },
})

/** `key` is shown this once: only its SHA-256 is stored. The secret has 256 random bits, so a plain hash is enough. */
export async function createKey(db: Database, input: NewKey): Promise<{ id: string; key: string }> {
  const id = randomBytes(ID_BYTES).toString('hex')
  const body = `kantor_${id}_${randomBytes(SECRET_BYTES).toString('hex')}`
  const key = body + checksum(body)
  const { name, scope, expiresAt = null, maxRunning = null, maxQueued = null, maxPetaOperations = null } = input
  await query(
    db,
    `INSERT INTO api_key (id, name, scope, hash, expires_at, max_running, max_queued, max_peta_operations)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, name, scope, sha256(key), expiresAt, maxRunning, maxQueued, maxPetaOperations],
  )
  return { id, key }
}

/** Who a token belongs to; null for one that is malformed, unknown, expired or revoked. */
export async function verifyKey(db: Database, token: string): Promise<KeyHolder | null> {
  const [, body, id, sum] = pattern.exec(token) ?? []
  if (body === undefined || checksum(body) !== sum) return null
  const [row] = await query<KeyRow & { hash: string }>(
    db,
    `SELECT ${keyColumns}, api_key.hash FROM api_key WHERE id = $1 AND ${inForce}`,
    [id],
    'verify-key',
  )
  // Compared for an unknown id too, so that the time says nothing about which ids exist.
  const equal = timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(row?.hash ?? sha256('')))
  if (!row || !equal) return null
  if (row.isStale) await noteUse(db, row.id)
  return toHolder(row)
}

/** At most once a minute and key, so that reading stays reading. */
export async function noteUse(db: Database, id: string): Promise<void> {
  await query(db, 'UPDATE api_key SET last_used_at = clock_timestamp() WHERE id = $1', [id])
}

/** Whether any key is in force: without one the service stays on loopback. */
export async function hasKeys(db: Database, scope?: Scope): Promise<boolean> {
  const rows = await query(db, `SELECT 1 FROM api_key WHERE ${inForce} AND ($1::text IS NULL OR scope = $1) LIMIT 1`, [
    scope ?? null,
  ])
  return rows.length > 0
}

/** Every key ever made, oldest first, without its secret. */
export async function listKeys(db: Database): Promise<ApiKey[]> {
  return (await query<KeyRow>(db, `SELECT ${keyColumns} FROM api_key ORDER BY created_at, id`)).map(toKey)
}

/** AppError `not-found`. */
export async function getKey(db: Database, id: string): Promise<ApiKey> {
  const [row] = await query<KeyRow>(db, `SELECT ${keyColumns} FROM api_key WHERE id = $1`, [id])
  if (!row) throw noKey(id)
  return toKey(row)
}

/** In force from the next request on, its sessions included. False when there is no such key, or it was revoked before. */
export async function revokeKey(db: Database, id: string): Promise<boolean> {
  const rows = await query(
    db,
    'UPDATE api_key SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL RETURNING id',
    [id],
  )
  return rows.length > 0
}

const columns = {
  name: 'name',
  expiresAt: 'expires_at',
  maxRunning: 'max_running',
  maxQueued: 'max_queued',
  maxPetaOperations: 'max_peta_operations',
} as const satisfies Record<keyof PatchApiKey, string>

/** Counts from now on; what runs or waits already goes on. AppError `not-found`. */
export async function patchKey(db: Database, id: string, changes: PatchApiKey): Promise<ApiKey> {
  const names = (Object.keys(columns) as (keyof PatchApiKey)[]).filter((name) => changes[name] !== undefined)
  const sets = names.map((name, index) => `${columns[name]} = $${index + 2}`)
  const [row] = await query<KeyRow>(db, `UPDATE api_key SET ${sets.join(', ')} WHERE id = $1 RETURNING ${keyColumns}`, [
    id,
    ...names.map((name) => changes[name]),
  ])
  if (!row) throw noKey(id)
  return toKey(row)
}

const noKey = (id: string) => new AppError('not-found', `there is no key ${id}`)
