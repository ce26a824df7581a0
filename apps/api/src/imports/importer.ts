// Imports that were asked for, one at a time, by the leading instance: each in a process of its own, which a bomb may kill.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, errorCatalogue, type ErrorCode } from '@kantor/contracts'
import { claimImport, type ClaimedImport, type Database, finishImport, type ImportEnd, noteImport } from '@kantor/db'
import { keepDataset } from '@kantor/datasets'
import type { Logger } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { bring, type BringingDeps } from './bring.js'
import { runSandboxed } from './run-sandboxed.js'

/** Works from `src` (tests) and from `dist`: the process always runs compiled code. */
const program = fileURLToPath(new URL('../../dist/imports/child.js', import.meta.url))
/** Deaths of the process before the source is blamed. */
const MAX_ATTEMPTS = 3
/** Twenty names of bad files, each as long as a name may be, are cut. */
const MAX_DETAIL = 20_000
export interface ImporterDeps extends BringingDeps {
  db: Database
  store: Pick<ObjectStore, 'get' | 'getBytes' | 'put' | 'head' | 'remove'>
  log: Logger
  /** Scratch is below it. */
  dataDir: string
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
    end = signal.aborted ? { to: 'queued' } : failed(error, claim, log)
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
  const { format, channels } = claim.source
  const source = await bring(deps, claim.source, scratch, signal)
  const outcome = await runSandboxed({
    program,
    start: { source, format, channels, scratch },
    readable: 'path' in source ? [source.path] : [],
    signal,
    onProgress: (numImages) => void noteImport(deps.db, claim, numImages).catch(() => {}),
  })
  if (outcome === null) return { to: 'queued' }
  if ('code' in outcome) return { to: 'failed', problem: problemOf(outcome.code, outcome.detail.slice(0, MAX_DETAIL)) }
  const { datasetId: id, source: asked } = claim
  const dataset = await keepDataset({ id, spooled: outcome.spooled, directory: scratch, store: deps.store })
  // A file that was fetched lies under a name that says nothing.
  return { to: 'succeeded', dataset: asked.path?.startsWith('s3://') ? { ...dataset, source: asked.path } : dataset }
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
