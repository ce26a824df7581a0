import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isOwned, isOwnedTask } from '@kantor/contracts'
import { type Database, getJob, getTask } from '@kantor/db'
import type { Logger } from '@kantor/runtime'

/** Younger ones are left alone: a claim may be under way, and another database than ours may know of the job. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000
/** `<job>-<attempt>`, as `runAttempt` names them, and `task-<task>-<attempt>`. */
const pattern = /^(task-)?([0-9a-f-]{36})-(\d+)$/

export interface SweepOptions {
  db: Database
  dataDir: string
  log: Logger
}

/** Removes spool directories that killed workers left on this machine. Their jobs went on elsewhere from the store. */
export async function sweepSpool({ db, dataDir, log }: SweepOptions): Promise<void> {
  const spool = join(dataDir, 'spool')
  for (const name of await readdir(spool).catch(() => [] as string[])) {
    const [, task, id, attempt] = pattern.exec(name) ?? []
    const directory = join(spool, name)
    // Other workers of this directory sweep too, and their attempts end.
    const found = await stat(directory).catch(() => null)
    if (id === undefined || !found || Date.now() - found.mtimeMs < ABANDONED_AFTER_MS) continue
    // An attempt may write nothing for days: its age alone says nothing.
    if (await isUnderWay(db, { isTask: task !== undefined, id, attempt: Number(attempt) })) continue
    await rm(directory, { recursive: true, force: true })
    log.info({ directory }, 'removed an abandoned spool directory')
  }
}

async function isUnderWay(
  db: Database,
  { isTask, id, attempt }: { isTask: boolean; id: string; attempt: number },
): Promise<boolean> {
  if (isTask) {
    const task = await getTask(db, id)
    return task?.attempt === attempt && isOwnedTask(task.state)
  }
  const job = await getJob(db, id)
  return job?.attempt === attempt && isOwned(job.state)
}
