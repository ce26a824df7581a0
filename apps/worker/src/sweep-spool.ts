import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isOwned } from '@kantor/contracts'
import { type Database, getJob } from '@kantor/db'
import type { Logger } from '@kantor/runtime'

/** Younger ones are left alone: a claim may be under way, and another database than ours may know of the job. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000
/** `<job>-<attempt>`, as `runAttempt` names them. */
const pattern = /^([0-9a-f-]{36})-(\d+)$/

export interface SweepOptions {
  db: Database
  dataDir: string
  log: Logger
}

/** Removes spool directories that killed workers left on this machine. Their jobs went on elsewhere from the store. */
export async function sweepSpool({ db, dataDir, log }: SweepOptions): Promise<void> {
  const spool = join(dataDir, 'spool')
  for (const name of await readdir(spool).catch(() => [] as string[])) {
    const [, jobId, attempt] = pattern.exec(name) ?? []
    const directory = join(spool, name)
    // Other workers of this directory sweep too, and their attempts end.
    const found = await stat(directory).catch(() => null)
    if (jobId === undefined || !found || Date.now() - found.mtimeMs < ABANDONED_AFTER_MS) continue
    // An attempt may write nothing for days: its age alone says nothing.
    const job = await getJob(db, jobId)
    if (job && job.attempt === Number(attempt) && isOwned(job.state)) continue
    await rm(directory, { recursive: true, force: true })
    log.info({ directory }, 'removed an abandoned spool directory')
  }
}
