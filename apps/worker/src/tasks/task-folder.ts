import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskWork } from './registry.js'

/** Lends a folder of this claim below the spool, gone afterwards. What a killed worker leaves there `sweepSpool` removes. */
export async function inTaskFolder<T>(
  { task, dataDir }: { task: Pick<TaskWork['task'], 'id' | 'attempt'>; dataDir: string },
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = join(dataDir, 'spool', `task-${task.id}-${task.attempt}`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
