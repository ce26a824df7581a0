import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import { aDataset, datasetVersion, openTestDatabase, postgresOnly, type TestDatabase } from '../tests/fixtures.js'
import {
  createKey,
  type Database,
  hasKeys,
  listDatasets,
  listKeys,
  openDatabase,
  registerDataset,
  resolveDataset,
  revokeKey,
  verifyKey,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

describe('datasets', () => {
  test('resolve to the newest version, or to the one that is named', async () => {
    const newer = aDataset({ version: 'cd'.repeat(8), contentHash: 'cd'.repeat(32) })
    await registerDataset(db, newer)

    expect((await resolveDataset(db, 'digits'))?.version).toBe(newer.version)
    expect((await resolveDataset(db, `digits@${datasetVersion}`))?.version).toBe(datasetVersion)
    expect(await resolveDataset(db, `digits@${'00'.repeat(8)}`)).toBeNull()
    expect(await resolveDataset(db, 'nothing')).toBeNull()
    await registerDataset(db, aDataset({ id: 'another' }))
    expect((await listDatasets(db)).map(({ id, version }) => [id, version])).toEqual([
      ['another', datasetVersion],
      ['digits', newer.version],
    ])
  })

  test('registered again stay what they are, and refuse other content under their version', async () => {
    const stored = await resolveDataset(db, `digits@${datasetVersion}`)

    expect(await registerDataset(db, aDataset())).toEqual(stored)
    expect(stored).toMatchObject({ ...aDataset() })
    await expect(registerDataset(db, aDataset({ contentHash: 'ff'.repeat(32) }))).rejects.toThrow(/other content/)
  })
})

describe('keys', () => {
  test('are known by the whole token alone, and stored as a hash', async () => {
    expect(await hasKeys(db)).toBe(false)
    const { id, key } = await createKey(db, { name: 'ci', scope: 'submit' })

    expect(key).toMatch(/^kantor_[0-9a-f]{16}_[0-9a-f]{64}[0-9a-f]{8}$/)
    expect(await verifyKey(db, key)).toMatchObject({ id, name: 'ci', scope: 'submit' })
    expect(await hasKeys(db)).toBe(true)
    const { rows } = await db.pool.query('SELECT * FROM api_key')
    expect(JSON.stringify(rows)).not.toContain(key.slice(24, 88))
    expect(JSON.stringify(await listKeys(db))).not.toContain(rows[0].hash)
  })

  test('that are malformed, altered, forged or unknown belong to nobody', async () => {
    const { key } = await createKey(db, { name: 'ci', scope: 'read' })
    const other = await createKey(db, { name: 'other', scope: 'admin' })
    const swapped = other.key.slice(0, 24) + key.slice(24)

    for (const token of ['', 'kantor_', key.slice(0, -1), `${key}0`, ` ${key}`, key.toUpperCase(), swapped]) {
      expect(await verifyKey(db, token)).toBeNull()
    }
    for (let at = 0; at < key.length; at += 7) {
      const altered = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1)
      expect(await verifyKey(db, altered)).toBeNull()
    }
  })

  test('with a right checksum and a wrong secret belong to nobody', async () => {
    const { id } = await createKey(db, { name: 'ci', scope: 'read' })
    const { key } = await createKey(db, { name: 'donor', scope: 'read' })
    await db.pool.query('DELETE FROM api_key WHERE name = $1', ['donor'])
    await db.pool.query('UPDATE api_key SET id = $2 WHERE id = $1', [id, key.split('_')[1]])

    expect(await verifyKey(db, key)).toBeNull()
  })

  test('end by revocation and by the clock of the database', async () => {
    const { id, key } = await createKey(db, { name: 'revoked', scope: 'admin' })
    const hour = 3_600_000
    const expired = await createKey(db, { name: 'late', scope: 'read', expiresAt: new Date(Date.now() - hour) })
    const living = await createKey(db, { name: 'fresh', scope: 'read', expiresAt: new Date(Date.now() + hour) })

    expect(await revokeKey(db, id)).toBe(true)

    expect(await verifyKey(db, key)).toBeNull()
    expect(await revokeKey(db, id)).toBe(false)
    expect(await revokeKey(db, 'no such key')).toBe(false)
    expect(await verifyKey(db, expired.key)).toBeNull()
    expect((await verifyKey(db, living.key))?.name).toBe('fresh')
    const listed = (await listKeys(db)).find((one) => one.id === id)
    expect(listed?.revokedAt).not.toBeNull()
    await db.pool.query(`DELETE FROM api_key WHERE name NOT IN ('revoked', 'late')`)
    expect(await hasKeys(db)).toBe(false)
  })
})

describe('a database', () => {
  test('that does not answer is dependency-unavailable, without its password', async () => {
    const refused = openDatabase('postgres://kantor:secret@127.0.0.1:1/kantor')

    await expect(refused).rejects.toMatchObject({ code: 'dependency-unavailable', status: 503 })
    await expect(refused).rejects.not.toThrow(/secret/)
  })

  test('that lost all its connections is served by new ones', async () => {
    const other = await openDatabase(opened.services.databaseUrl, { maxConnections: 2 })
    await Promise.all([other.ping(), other.ping()])
    await db.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'kantor'`,
    )

    let answered = false
    for (let i = 0; i < 5 && !answered; i++) {
      answered = await other
        .ping()
        .then(() => true)
        .catch(() => false)
    }

    expect(answered).toBe(true)
    await other.close()
    await expect(listKeys(other)).rejects.toMatchObject({ code: 'dependency-unavailable' })
    await expect(other.ping()).rejects.toMatchObject({ code: 'dependency-unavailable' })
  })
})
