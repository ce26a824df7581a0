import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type EmbeddedPostgres, startPostgres } from '@kantor/runtime'
import { type Services, startServices } from '@kantor/testing'
import { join } from 'node:path'
import pg from 'pg'
import { openDatabase, query } from './database.js'
import { assertMigrated, migrate } from './migrate.js'
import { assertServerWillDo, DatabaseUnusable } from './server-check.js'

let services: Services
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
})
afterAll(() => services.stop())

const waitsFor = (why: RegExp) => ({ code: 'dependency-unavailable', detail: expect.stringMatching(why) })

test('E2: a Postgres before 13 is refused for good, with the version that is needed', () => {
  const server = { readOnly: false, standby: false }
  expect(() => assertServerWillDo({ ...server, version: 120_022 })).toThrow(DatabaseUnusable)
  expect(() => assertServerWillDo({ ...server, version: 120_022 })).toThrow(/Postgres 12, .* 13 or later/)
  expect(() => assertServerWillDo({ ...server, version: 130_000 })).not.toThrow()
})

const openAt = (change: (url: URL) => void) => {
  const url = new URL(services.databaseUrl)
  change(url)
  return openDatabase(url.href).catch((error: unknown) => error)
}

test('E1: an address that the server refuses is not waited for: what is wrong with it, without the password', async () => {
  const wrongPassword = await openAt((url) => (url.password = 'canary-of-a-password'))
  expect(wrongPassword).toBeInstanceOf(DatabaseUnusable)
  expect(String(wrongPassword)).toMatch(/DATABASE_URL: .* this user with this password/)
  expect(String(wrongPassword)).not.toContain('canary')
  const wrongName = await openAt((url) => (url.pathname = '/nowhere'))
  expect(wrongName).toBeInstanceOf(DatabaseUnusable)
  expect(String(wrongName)).toMatch(/no database of this name; .*createdb.*"nowhere"/)
})

test('E2: a database that takes no writes is waited for, and an open handle says so from then on', async () => {
  const url = await services.createDatabase()
  const name = new URL(url).pathname.slice(1)
  const db = await openDatabase(url, { maxConnections: 1 })
  await query(db, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  await expect(openDatabase(url)).rejects.toMatchObject(
    waitsFor(/takes no writes .* default_transaction_read_only = off/),
  )

  await query(db, 'SET default_transaction_read_only = on')
  await expect(db.ping()).rejects.toMatchObject(waitsFor(/takes no writes/))
  await expect(query(db, 'CREATE TABLE x ()')).rejects.toMatchObject({ code: 'dependency-unavailable' })
  await db.close()
})

describe('E2: a server that follows another', () => {
  let standby: EmbeddedPostgres
  beforeAll(async () => {
    const directory = join(services.directory, 'standby')
    const settings = { fsync: 'off', shared_buffers: '32MB' }
    const primary = await startPostgres({ directory, settings })
    const client = new pg.Client({ connectionString: primary.url })
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    await client.end()
    await primary.stop()
    // A standby without anybody to follow: it replays what is there, and answers readers.
    await writeFile(join(rows[0]!.data_directory, 'standby.signal'), '')
    standby = await startPostgres({ directory, settings })
  }, 60_000)
  afterAll(() => standby?.stop())

  test('is waited for, with the remedy', async () => {
    await expect(openDatabase(standby.url)).rejects.toMatchObject(waitsFor(/read-only replica; name the primary/))
  })
})

test('E2: a database that lacks migrations is waited for, until an API has applied them', async () => {
  const db = await openDatabase(await services.createDatabase())
  await expect(assertMigrated(db)).rejects.toMatchObject(waitsFor(/lacks \d+ migrations .* start an API/))
  const url = await services.createDatabase()
  await migrate(url)
  const migrated = await openDatabase(url)
  await expect(assertMigrated(migrated)).resolves.toBeUndefined()
  await query(
    migrated,
    `DELETE FROM "_prisma_migrations" WHERE migration_name = (SELECT max(migration_name) FROM "_prisma_migrations")`,
  )
  await expect(assertMigrated(migrated)).rejects.toMatchObject(waitsFor(/lacks 1 migrations/))
  await Promise.all([db.close(), migrated.close()])
})
