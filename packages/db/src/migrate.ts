import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AppError } from '@kantor/contracts'
import pg from 'pg'
import { buildPyramids, movePoints } from './curve/move-points.js'
import { type Database, query } from './database.js'
import { isUnavailable, translate } from './database-errors.js'
import { DatabaseUnusable } from './server-check.js'

/** Prisma's own lock, so that its tools and this runner exclude each other. */
const MIGRATION_LOCK = 72_707_369
const WAIT_MILLISECONDS = 30_000
const RETRY_MILLISECONDS = 250

/** The same from `src` and from `dist`. */
const directory = fileURLToPath(new URL('../../../prisma/migrations/', import.meta.url))

/** What SQL cannot say: done after a migration's file, in its transaction. */
const steps: Readonly<Record<string, (client: pg.Client) => Promise<void>>> = {
  '20261126010500_curve_segments': movePoints,
  '20261126040000_curve_pyramid': buildPyramids,
}

interface Migration {
  name: string
  sql: string
  checksum: string
}

/**
 * Applies the migrations that the database lacks, in the order of their names, and returns their names. Keeps Prisma's table, so that
 * `prisma migrate` agrees. Waits up to 30 s for a server that is starting. Safe when several processes run it at once.
 * DatabaseUnusable when an applied migration was edited, or one has failed; AppError `dependency-unavailable` without a server.
 */
export async function migrate(url: string): Promise<string[]> {
  return applyMigrations(url, directory)
}

/** AppError `dependency-unavailable` while the database lacks migrations: whoever does not apply them waits until they are there. */
export async function assertMigrated(db: Database): Promise<void> {
  const [{ there }] = (await query<{ there: boolean }>(
    db,
    `SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS there`,
  )) as [{ there: boolean }]
  const rows = there
    ? await query<{ name: string }>(
        db,
        `SELECT migration_name AS name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
      )
    : []
  const applied = new Set(rows.map(({ name }) => name))
  const pending = readMigrations(directory).filter(({ name }) => !applied.has(name))
  if (pending.length > 0)
    throw new AppError(
      'dependency-unavailable',
      `the database lacks ${pending.length} migrations (the first is ${pending[0]!.name}); start an API of this version, which applies them`,
    )
}

/** The same for any directory of `<name>/migration.sql`. */
export async function applyMigrations(url: string, from: string): Promise<string[]> {
  const migrations = readMigrations(from)
  const client = await connectPatiently(url)
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(historyTable)
    const applied = await readHistory(client)
    const applying = migrations.filter((migration) => !isApplied(migration, applied))
    for (const migration of applying) await apply(client, migration)
    return applying.map((migration) => migration.name)
  } catch (error) {
    throw translate(error)
  } finally {
    // Ends the lock too.
    await client.end().catch(() => {})
  }
}

function readMigrations(from: string): Migration[] {
  if (!existsSync(from)) throw new AppError('internal', `there is no migrations directory at ${from}`)
  return readdirSync(from, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const bytes = readFileSync(`${from}/${name}/migration.sql`)
      return { name, sql: bytes.toString(), checksum: createHash('sha256').update(bytes).digest('hex') }
    })
}

async function connectPatiently(url: string): Promise<pg.Client> {
  const deadline = performance.now() + WAIT_MILLISECONDS
  for (;;) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      application_name: 'kantor-migrate',
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => {})
      if (!isUnavailable(error) || performance.now() > deadline) throw translate(error)
    }
    await sleep(RETRY_MILLISECONDS)
  }
}

const historyTable = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

/** Checksums of the applied migrations, by name. */
async function readHistory(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; checksum: string; finished: boolean; logs: string | null }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished, logs
     FROM "_prisma_migrations" WHERE rolled_back_at IS NULL`,
  )
  for (const { name, finished, logs } of rows) {
    if (finished) continue
    throw new DatabaseUnusable(
      `migration ${name} failed earlier (${logs ?? 'it was interrupted'}); mend its cause, then set rolled_back_at = now() ` +
        `for it in "_prisma_migrations" and start again: a failed migration leaves no changes behind`,
    )
  }
  return new Map(rows.map((row) => [row.name, row.checksum]))
}

function isApplied(migration: Migration, applied: Map<string, string>): boolean {
  const checksum = applied.get(migration.name)
  if (checksum === undefined) return false
  if (checksum === migration.checksum) return true
  throw new DatabaseUnusable(
    `migration ${migration.name} was edited after it was applied; restore its file and put the change into a new migration`,
  )
}

/** All or nothing, its row in the history too: a start that was killed half-way leaves no trace, one that failed says why. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const record = `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count, logs)
    VALUES ($1, $2, $3, CASE WHEN $4::text IS NULL THEN now() END, CASE WHEN $4::text IS NULL THEN 1 ELSE 0 END, $4)`
  const values = [randomUUID(), checksum, name]
  try {
    await client.query('BEGIN')
    // A file is sent without parameters: one simple query may hold many statements, whatever they contain.
    await client.query(sql)
    await steps[name]?.(client)
    await client.query(record, [...values, null])
    await client.query('COMMIT')
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    await client.query('ROLLBACK')
    await client.query(record, [...values, text])
    throw new DatabaseUnusable(`migration ${name} failed: ${text}`, { cause: error })
  }
}
