import type { TaskKind, TaskResult } from '@kantor/contracts'
import type { StoredCheckpoint } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { verify } from './verify.js'

export interface TaskWork {
  checkpoint: StoredCheckpoint
  store: ObjectStore
  /** Aborted when the result is no longer wanted, or this worker goes down. */
  signal: AbortSignal
  log: Logger
}

export interface TaskOutcome<K extends TaskKind> {
  result: TaskResult<K>
  /** What is wrong with the checkpoint's object: it is then quarantined. */
  fault?: string | undefined
}

/** What a worker does for each kind. Outages are outlasted inside; what rejects counts as a crash. */
export const taskKinds: { [K in TaskKind]: (work: TaskWork) => Promise<TaskOutcome<K>> } = { verify }
