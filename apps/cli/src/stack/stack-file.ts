import * as fs from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { identify, isSameProcess, type ProcessIdentity } from '@kantor/runtime'
import { Failure } from '../failure.js'

/** `<dataDir>/stack.json`: which processes use this data directory, and where they answer. Mode 0600: it may hold a database URL. */
export interface StackFile {
  /** Null while the stack is starting. */
  url: string | null
  pids: { main: number; postgres?: number; api?: number; workers: number[] }
  /** Of the embedded Postgres; never a URL that came from the environment. */
  databaseUrl?: string
  /** Tells our main process from another one that got its number later; null where the system does not tell, and nobody is refused. */
  identity: ProcessIdentity | null
  startedAt: string
}

const pathOf = (dataDir: string) => join(dataDir, 'stack.json')

/** Takes the data directory for this process. Refuses when a living stack holds it. */
export async function claimDataDir(dataDir: string): Promise<StackFile> {
  await fs.mkdir(dataDir, { recursive: true })
  const file: StackFile = {
    url: null,
    pids: { main: process.pid, workers: [] },
    identity: identify(process.pid),
    startedAt: new Date().toISOString(),
  }
  const own = `${pathOf(dataDir)}.${randomUUID()}`
  await fs.writeFile(own, JSON.stringify(file), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      // A link appears whole or not at all, so nobody reads half a claim and takes it for a dead one.
      if (await succeeds(fs.link(own, pathOf(dataDir)))) return file
      const other = await liveStack(dataDir)
      if (other) throw taken(dataDir, other)
      await removeDeadClaim(dataDir)
    }
  } finally {
    await fs.rm(own, { force: true })
  }
  throw new Failure('conflict', `${pathOf(dataDir)} keeps coming back: is another stack starting there?`)
}

const taken = (dataDir: string, { pids, url }: StackFile) =>
  new Failure('conflict', `a stack already runs on ${dataDir} (process ${pids.main}, ${url ?? 'starting'})`, {
    remedy: 'stop it with Ctrl-C or kill, or choose another directory with --data-dir',
  })

/** Two starters may both have seen the dead claim: the slower one gives back what it took if that was the faster one's. */
async function removeDeadClaim(dataDir: string): Promise<void> {
  const away = `${pathOf(dataDir)}.${randomUUID()}`
  if (!(await succeeds(fs.rename(pathOf(dataDir), away)))) return
  if (parse(await fs.readFile(away, 'utf8'))) await succeeds(fs.link(away, pathOf(dataDir)))
  await fs.rm(away, { force: true })
}

const succeeds = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST' || error.code === 'ENOENT') return false
      throw error
    },
  )

/** Renamed into place, so that readers never see half a file. */
export async function writeStackFile(dataDir: string, file: StackFile): Promise<void> {
  const path = pathOf(dataDir)
  await fs.writeFile(`${path}.${process.pid}`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  await fs.rename(`${path}.${process.pid}`, path)
}

export const removeStackFile = (dataDir: string): Promise<void> => fs.rm(pathOf(dataDir), { force: true })

/** The stack that runs on this data directory now, if one does. */
export async function liveStack(dataDir: string): Promise<StackFile | null> {
  const text = await fs.readFile(pathOf(dataDir), 'utf8').catch(() => undefined)
  return text === undefined ? null : parse(text)
}

/** Null when the text is damaged or its stack is gone. */
function parse(text: string): StackFile | null {
  try {
    const file = JSON.parse(text) as StackFile
    return file.identity && isSameProcess(file.identity) ? file : null
  } catch {
    return null
  }
}
