import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@kantor/runtime'

/** An attempt touches its directory with every checkpoint; one that was silent for this long has no owner. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000

/** Removes spool directories that killed workers left on this machine. Their jobs went on elsewhere from the store. */
export async function sweepSpool(dataDir: string, log: Logger): Promise<void> {
  const spool = join(dataDir, 'spool')
  for (const attempt of await readdir(spool).catch(() => [] as string[])) {
    const directory = join(spool, attempt)
    const { mtimeMs } = await stat(directory)
    if (Date.now() - mtimeMs < ABANDONED_AFTER_MS) continue
    await rm(directory, { recursive: true, force: true })
    log.info({ directory }, 'removed an abandoned spool directory')
  }
}
