import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Services, startServices } from '@kantor/testing'
import pg from 'pg'
import { applyMigrations, migrate } from './migrate.js'

let services: Services
let directory: string
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
})
afterAll(() => services.stop())

async function ask<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true })
  await writeFile(join(directory, name, 'migration.sql'), sql)
}

describe('migrate', () => {
  test('applies everything once, also when several processes start at the same time', async () => {
    const url = await services.createDatabase()

    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)])

    const names = applied.flat()
    expect(names.length).toBeGreaterThan(0)
    expect(new Set(names).size).toBe(names.length)
    expect(await migrate(url)).toEqual([])
    const history = await ask(url, 'SELECT migration_name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL')
    expect(history.map((row) => row['migration_name'])).toEqual(names)
  })

  test('gives the database exactly the columns of the Prisma schema', async () => {
    const url = await services.createDatabase()
    await migrate(url)

    const columns = await ask<{ name: string }>(
      url,
      `SELECT table_name || '.' || column_name || ' ' || udt_name || CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END AS name
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`,
    )

    // A list column is nullable in SQL and empty in Prisma.
    expect(columns.map((row) => row.name.replace(/( _\w+)\?$/, '$1')).sort()).toEqual(await schemaColumns())
  })

  test('waits for a server that is still starting', async () => {
    const url = new URL(await services.createDatabase())
    const target = Number(url.port)
    const late = createServer((socket) => {
      const server = connect(target, '127.0.0.1')
      socket.on('error', () => server.destroy()).pipe(server)
      server.on('error', () => socket.destroy()).pipe(socket)
    })
    url.port = String(await unusedPort())

    const applied = migrate(url.href)
    await sleep(600)
    late.listen(Number(url.port), '127.0.0.1')

    expect((await applied).length).toBeGreaterThan(0)
    await close(late)
  })

  test('refuses an applied migration that was edited, by name', async () => {
    const url = await services.createDatabase()
    directory = await mkdtemp(join(tmpdir(), 'kantor-migrations-'))
    await write('1_first', 'CREATE TABLE a (id int); CREATE TABLE b (id int)')
    expect(await applyMigrations(url, directory)).toEqual(['1_first'])

    await write('1_first', 'CREATE TABLE a (id bigint)')

    await expect(applyMigrations(url, directory)).rejects.toThrow(/1_first was edited/)
    await rm(directory, { recursive: true })
  })

  test('F31: a failing migration leaves nothing behind and blocks the next start until someone has looked', async () => {
    const url = await services.createDatabase()
    directory = await mkdtemp(join(tmpdir(), 'kantor-migrations-'))
    await write('1_first', 'CREATE TABLE a (id int)')
    await write('2_broken', `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$; CREATE TABLE a (id int)`)

    await expect(applyMigrations(url, directory)).rejects.toThrow(/2_broken failed: .*already exists/)

    expect(await ask(url, `SELECT 1 FROM pg_proc WHERE proname = 'f'`)).toEqual([])
    // The version that runs goes on with the schema it knows.
    expect(await ask(url, 'INSERT INTO a VALUES (1) RETURNING id')).toEqual([{ id: 1 }])
    await expect(applyMigrations(url, directory)).rejects.toThrow(
      /2_broken failed earlier .*already exists.*rolled_back_at/,
    )

    await write('2_broken', 'CREATE TABLE c (id int)')
    await ask(url, `UPDATE "_prisma_migrations" SET rolled_back_at = now() WHERE migration_name = '2_broken'`)
    expect(await applyMigrations(url, directory)).toEqual(['2_broken'])
    await rm(directory, { recursive: true })
  })

  test('F31: a start that was killed half-way through a migration does not block the next one', async () => {
    const url = await services.createDatabase()
    directory = await mkdtemp(join(tmpdir(), 'kantor-migrations-'))
    await write('1_slow', 'CREATE TABLE a (id int); SELECT pg_sleep(60)')
    const killed = applyMigrations(url, directory).catch(() => {})
    const sleeping = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)' AND state = 'active'`
    while ((await ask(url, `SELECT pg_terminate_backend(pid) ${sleeping} AND pid <> pg_backend_pid()`)).length === 0)
      await sleep(20)
    await killed

    await write('1_slow', 'CREATE TABLE a (id int)')
    expect(await applyMigrations(url, directory)).toEqual(['1_slow'])
    await rm(directory, { recursive: true })
  })

  test('says at once when the database itself is wrong', async () => {
    const url = services.databaseUrl.replace(/\/[^/]*$/, '/no_such_database')

    await expect(migrate(url)).rejects.toThrow(/no_such_database/)
  })
})

const udt: Record<string, string> = {
  Int: 'int4',
  BigInt: 'int8',
  String: 'text',
  Boolean: 'bool',
  Json: 'jsonb',
  'Json @db.Json': 'json',
  'String @db.Uuid': 'uuid',
  'DateTime @db.Timestamptz(6)': 'timestamptz',
  Float: 'float8',
  'Float @db.Real': 'float4',
  'String[]': '_text',
  'Int[]': '_int4',
  'Int[] @db.SmallInt': '_int2',
  'Int @db.SmallInt': 'int2',
  'BigInt[]': '_int8',
  Bytes: 'bytea',
}

/** `table.column type?` of every scalar field in schema.prisma. */
async function schemaColumns(): Promise<string[]> {
  const file = fileURLToPath(new URL('../../../prisma/schema.prisma', import.meta.url))
  const models = (await readFile(file, 'utf8')).matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)
  return [...models]
    .flatMap(([, , body]) => {
      const table = /@@map\("(\w+)"\)/.exec(body!)![1]!
      return [...body!.matchAll(/^ {2}(\w+) +(\w+)(\[\])?(\?)?(.*)$/gm)].flatMap((field) => {
        const [, name, type, list = '', optional = '', rest = ''] = field
        if (/@relation/.test(rest) || !/^(Int|BigInt|String|Boolean|Json|DateTime|Float|Bytes)$/.test(type!)) return []
        const native = /@db\.[\w()]+/.exec(rest)?.[0]
        const known = udt[`${type}${list}${native ? ` ${native}` : ''}`]
        if (known === undefined) throw new Error(`no SQL type is known for ${field[0]}`)
        return [`${table}.${/@map\("(\w+)"\)/.exec(rest)?.[1] ?? name} ${known}${optional}`]
      })
    })
    .sort()
}

async function unusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await close(server)
  return port
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve))
