// Imports that were asked for, one at a time, by the leading instance: each in a process of its own, which a bomb may kill.
import { fork } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { AppError, errorCatalogue, type ErrorCode } from '@kantor/contracts'
import { claimImport, type ClaimedImport, type Database, finishImport, type ImportEnd, noteImport } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { allowedPath } from './allowed-path.js'
import type { FromImport, StartImport } from './protocol.js'

/** Works from `src` (tests) and from `dist`: the process always runs compiled code. */
const program = fileURLToPath(new URL('../../dist/imports/child.js', import.meta.url))
/** Deaths of the process before the source is blamed. */
const MAX_ATTEMPTS = 3
const NICENESS = 10
/** What the process may see of our environment: the way to the objects, and no other secret. */
const allowed = /^(PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|S3_[A-Z_]+|KANTOR_DATA_DIR)$/

export interface ImporterDeps {
  db: Database
  store: Pick<ObjectStore, 'get' | 'remove'>
  log: Logger
  /** Scratch is below it. */
  dataDir: string
  importRoots: readonly string[]
}

/** Takes the oldest import and works on it to its end. False when there is none. When `signal` aborts it is handed back. */
export async function importNext(deps: ImporterDeps, signal: AbortSignal): Promise<boolean> {
  const claim = await claimImport(deps.db)
  if (!claim) return false
  const log = deps.log.child({ importId: claim.id, datasetId: claim.datasetId, attempt: claim.epoch })
  const scratch = await mkdtemp(join(await ensured(join(deps.dataDir, 'imports')), 'import-'))
  let end: ImportEnd
  try {
    end = await work(deps, claim, scratch, signal)
  } catch (error) {
    if (error instanceof AppError && error.code === 'dependency-unavailable') {
      await finishImport(deps.db, claim, { to: 'queued' })
      throw error
    }
    end = failed(error, claim, log)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  const booked = await finishImport(deps.db, claim, end)
  log.info({ to: end.to, booked, ...(end.to === 'failed' && { code: end.problem.code }) }, 'import ended')
  if (booked && end.to !== 'queued' && claim.source.key !== undefined) await deps.store.remove(claim.source.key)
  return true
}

async function ensured(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  return directory
}

async function work(
  deps: ImporterDeps,
  claim: ClaimedImport,
  scratch: string,
  signal: AbortSignal,
): Promise<ImportEnd> {
  const { key, path: asked, format, channels } = claim.source
  // Once more: links may have been laid since it was asked for.
  const path = asked === undefined ? join(scratch, 'upload') : await allowedPath(asked, deps.importRoots)
  if (key !== undefined) await pipeline(await deps.store.get(key), createWriteStream(path))
  const start: StartImport = { datasetId: claim.datasetId, path, format, channels, scratch }
  return runChild(start, signal, (numImages) => void noteImport(deps.db, claim, numImages).catch(() => {}))
}

function runChild(
  start: StartImport,
  signal: AbortSignal,
  onProgress: (numImages: number) => void,
): Promise<ImportEnd> {
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => allowed.test(name)))
    const child = fork(program, {
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    let lastWords = ''
    let end: ImportEnd | undefined
    const stop = () => {
      end ??= { to: 'queued' }
      child.kill('SIGKILL')
    }
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (lastWords = (lastWords + chunk).slice(-2000)))
    child.on('message', (raw) => {
      const message = raw as FromImport
      if (message.type === 'progress') onProgress(message.numImages)
      else if (message.type === 'done') end = { to: 'succeeded', dataset: message.dataset }
      else end = { to: 'failed', problem: problemOf(message.code, message.detail) }
    })
    child.once('error', reject)
    // 'close' comes after the last message.
    child.once('close', (code, died) => {
      signal.removeEventListener('abort', stop)
      if (end) resolve(end)
      else reject(new Error(`the importing process ended with ${died ?? code}: ${lastWords.trim()}`))
    })
    if (child.pid !== undefined) setPriority(child.pid, NICENESS)
    child.send(start, () => {})
  })
}

/** A source that kills the process three times is at fault itself. */
function failed(error: unknown, { epoch }: ClaimedImport, log: Logger): ImportEnd {
  if (error instanceof AppError && error.status < 500)
    return { to: 'failed', problem: problemOf(error.code, detailOf(error)) }
  log.error({ err: error }, 'the import broke down')
  if (epoch < MAX_ATTEMPTS) return { to: 'queued' }
  const detail = `the importing process died ${epoch} times on it; the service’s log has the details`
  return { to: 'failed', problem: problemOf('dataset-invalid', detail) }
}

/** With what is wrong in a field, which nobody sees any more. */
const detailOf = ({ detail, errors }: AppError): string => errors?.[0]?.message ?? detail

function problemOf(code: ErrorCode, detail: string) {
  const { status, title } = errorCatalogue[code]
  return { code, status, title, detail }
}
