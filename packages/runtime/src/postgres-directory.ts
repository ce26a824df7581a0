// One data directory, one stack: who owns it, where its cluster lies, and what a killed owner left behind.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { RunAs } from './postgres-binaries.js'
import { commandOf, identify, isSameProcess, type ProcessIdentity, signalAndWait } from './processes.js'
import { codeOf } from './system-error.js'

/** Takes the directory for this process. Throws when a live process has it; a dead one's claim is taken over. */
export function claimDirectory(directory: string): { release(): void } {
  const file = join(directory, 'owner.json')
  const self = identify(process.pid)
  const claim = JSON.stringify(self)
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      writeFileSync(file, claim, { flag: 'wx', mode: 0o600 })
      return { release: () => rmSync(file, { force: true }) }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    const owner = readOwner(file)
    if (owner && isSameProcess(owner))
      throw new Error(
        `${directory} is in use by ${owner.pid === process.pid ? 'this very process' : `process ${owner.pid}`}: stop that stack first, or choose another KANTOR_DATA_DIR`,
      )
    // Renaming lets only one of several starters clear the dead owner's claim.
    const stale = `${file}.${randomBytes(4).toString('hex')}`
    try {
      renameSync(file, stale)
      rmSync(stale)
    } catch {
      continue
    }
  }
  throw new Error(`${directory} is being started by another process`)
}

function readOwner(file: string): ProcessIdentity | null {
  try {
    const owner: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isIdentity(owner) ? owner : null
  } catch {
    return null
  }
}

const isIdentity = (value: unknown): value is ProcessIdentity =>
  typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number' && 'startedAt' in value

/**
 * The folder that holds the cluster and its password: `directory` itself, or, when the user that Postgres runs as cannot
 * reach it (root's closed home), a folder elsewhere that `directory/location` names from then on.
 */
export function clusterHome(directory: string, user: RunAs): string {
  const pointer = join(directory, 'location')
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim()
  if (canEnter(directory, user)) return directory
  const home = directory.startsWith(`${tmpdir()}/`) ? temporaryHome(directory) : lastingHome()
  if (!canEnter(home, user))
    throw new Error(
      `the user postgres can enter neither ${directory} nor ${home}: choose a KANTOR_DATA_DIR below open folders`,
    )
  writeFileSync(pointer, `${home}\n`)
  return home
}

function lastingHome(): string {
  const home = join('/var/lib/kantor', `postgres-${randomBytes(6).toString('hex')}`)
  mkdirSync(home, { recursive: true })
  // The mode that mkdir takes is cut by root's umask, which may close the folder to everybody else.
  for (const folder of [dirname(home), home]) chmodSync(folder, 0o755)
  return home
}

/** Temporary directories vanish without a word to us, so what was put aside for them is looked through each time. */
function temporaryHome(directory: string): string {
  const prefix = 'kantor-postgres-'
  for (const name of readdirSync(tmpdir())) {
    const home = join(tmpdir(), name)
    const mark = join(home, 'belongs-to')
    if (!name.startsWith(prefix) || !existsSync(mark) || statSync(mark).uid !== process.getuid?.()) continue
    if (existsSync(readFileSync(mark, 'utf8')) || runningPostmaster(join(home, 'data')) !== null) continue
    rmSync(home, { recursive: true, force: true })
  }
  const home = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(home, 0o755)
  writeFileSync(join(home, 'belongs-to'), directory)
  return home
}

function canEnter(folder: string, user: RunAs): boolean {
  if (user.uid === undefined) return true
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...user, cwd: '/', stdio: 'ignore' }).status === 0
}

/** Creates an empty folder that Postgres owns. */
export function makePrivateFolder(folder: string, user: RunAs) {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
}

/** The password for this cluster, drawn once and kept beside it so that a restart can log in. */
export function clusterPassword(home: string): string {
  const file = join(home, 'password')
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

/** First line of postmaster.pid: a postmaster that really serves `data`, or null. */
export function runningPostmaster(data: string): number | null {
  const lines = postmasterLines(data)
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 1 || resolve(lines[1] ?? '') !== resolve(data) || !identify(pid)) return null
  return commandOf(pid).includes('postgres') ? pid : null
}

/** True once the postmaster `pid` accepts connections (it writes so into line 8 of its pid file). */
export function isReady(data: string, pid: number): boolean {
  const lines = postmasterLines(data)
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

function postmasterLines(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

/** Fast shutdown, then immediate shutdown. A crash-safe stop either way; the second costs a recovery at the next start. */
export async function stopPostmaster(pid: number): Promise<void> {
  if (await signalAndWait(pid, 'SIGINT', 15_000)) return
  if (await signalAndWait(pid, 'SIGQUIT', 5_000)) return
  throw new Error(`Postgres (process ${pid}) does not stop`)
}
