import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.js'
import { chooseUser, findBinaries, type PostgresBinaries, type RunAs } from './postgres-binaries.js'
import {
  claimDirectory,
  clusterHome,
  clusterPassword,
  isReady,
  makePrivateFolder,
  runningPostmaster,
  stopPostmaster,
} from './postgres-directory.js'

export interface EmbeddedPostgresOptions {
  /** Everything of this instance lies here; created when absent. One live process per directory. */
  directory: string
  /** Default: any free one. For a server that comes back where its clients look for it. */
  port?: number
  log?: (message: string) => void
  /** Server settings beside ours, such as `{ fsync: 'off' }` for throw-away clusters. */
  settings?: Record<string, string>
}

export interface EmbeddedPostgres {
  /** Superuser connection string to the database `postgres`; loopback only. */
  url: string
  port: number
  pid: number
  /** Resolves when the server process has ended, for whatever reason. */
  exited: Promise<void>
  stop(): Promise<void>
}

/**
 * Starts Postgres from the npm package on a free port of 127.0.0.1, creating the cluster on first use. A server that a
 * killed process left running in the directory is stopped first; a directory that a live process uses is refused.
 * As root the server runs as the system user `postgres`.
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(options.directory)
  const log = options.log ?? (() => {})
  mkdirSync(directory, { recursive: true })
  const claim = claimDirectory(directory)
  try {
    const user = chooseUser()
    const binaries = findBinaries(user)
    const home = clusterHome(directory, user)
    if (home !== directory) log(`the user postgres cannot enter ${directory}; the database lies in ${home}`)
    const data = join(home, 'data')

    const left = runningPostmaster(data)
    if (left !== null) {
      log(`stopping the Postgres (process ${left}) that a killed process left in ${data}`)
      await stopPostmaster(left)
    }
    // A pid file without its server may name a number that somebody else has by now; Postgres would then refuse to start.
    rmSync(join(data, 'postmaster.pid'), { force: true })

    const password = clusterPassword(home)
    createCluster(home, data, password, binaries, user)
    return await serve({
      home,
      data,
      password,
      binaries,
      user,
      settings: options.settings ?? {},
      port: options.port,
      claim,
    })
  } catch (error) {
    claim.release()
    throw error
  }
}

function createCluster(home: string, data: string, password: string, binaries: PostgresBinaries, user: RunAs) {
  if (existsSync(join(data, 'PG_VERSION'))) {
    const major = Number(readFileSync(join(data, 'PG_VERSION'), 'utf8'))
    if (major !== binaries.major)
      throw new Error(
        `${data} was made by Postgres ${major} and this is ${binaries.major}: dump it with the old version, or remove it`,
      )
    return
  }
  // Into a folder of its own, then renamed: a start that was killed half-way leaves no half cluster behind.
  const partial = join(home, `data.${randomBytes(4).toString('hex')}`)
  makePrivateFolder(partial, user)
  const passwordFile = join(partial, '..', `.pw-${randomBytes(4).toString('hex')}`)
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(passwordFile, user.uid, user.gid)
  try {
    const run = spawnSync(
      binaries.initdb,
      [
        `--pgdata=${partial}`,
        '--username=postgres',
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        // The same order of strings on every machine, whatever locales it has.
        '--locale=C',
        '--no-sync',
      ],
      { ...user, cwd: '/', encoding: 'utf8' },
    )
    if (run.status !== 0)
      throw new Error(`initdb failed (${run.signal ?? run.status ?? run.error?.message}): ${run.stderr}`)
    rmSync(data, { recursive: true, force: true })
    renameSync(partial, data)
  } finally {
    rmSync(passwordFile, { force: true })
    rmSync(partial, { recursive: true, force: true })
  }
}

interface Serve {
  home: string
  data: string
  password: string
  binaries: PostgresBinaries
  user: RunAs
  settings: Record<string, string>
  port: number | undefined
  claim: { release(): void }
}

async function serve(options: Serve): Promise<EmbeddedPostgres> {
  const { home, data, password, binaries, user, settings, claim } = options
  const port = options.port ?? (await freePort())
  const flags = Object.entries({
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // BullMQ takes three connections per worker, Prisma and pg two pools per process.
    max_connections: '200',
    // A sweep of thousands into an empty table: until its statistics are there, which the default lets take a minute, lists sort it whole.
    autovacuum_naptime: '10s',
    ...settings,
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`])

  // A file, not a pipe: the server must be able to write its log after the parent is gone. The last run's log is kept.
  const logFile = join(home, 'postgres.log')
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`)
  const output = openSync(logFile, 'a', 0o600)
  // Detached: Ctrl-C in a terminal reaches the whole process group, and the services must be able to drain first.
  const child = spawn(binaries.postgres, ['-D', data, ...flags], {
    ...user,
    cwd: '/',
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  const exited = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  child.unref()
  const pid = child.pid
  const tail = () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-8).join('\n')
  if (pid === undefined) throw new Error(`${binaries.postgres} could not be started`)
  // From now on: a process that leaves before the server is ready must not leave it behind.
  const stopAtExit = () => process.kill(pid, 'SIGINT')
  process.once('exit', stopAtExit)
  void exited.then(() => process.removeListener('exit', stopAtExit))

  const deadline = performance.now() + 120_000
  while (!isReady(data, pid)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Postgres did not start:\n${tail()}`)
    if (performance.now() > deadline) {
      await stopPostmaster(pid)
      throw new Error(`Postgres was not ready after 120 s:\n${tail()}`)
    }
    await sleep(20)
  }
  let stopping: Promise<void> | undefined
  return {
    url: `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    port,
    pid,
    exited,
    stop: () => (stopping ??= stopPostmaster(pid).then(() => claim.release())),
  }
}
