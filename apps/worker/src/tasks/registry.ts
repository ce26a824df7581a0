import type { Measurement, Task, TaskKind, TaskResult } from '@kantor/contracts'
import type { Database, StoredCheckpoint } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { evaluate } from './evaluate.js'
import { exportCheckpoint } from './export.js'
import { generate } from './generate.js'
import { verify } from './verify.js'

export interface TaskWork<K extends TaskKind = TaskKind> {
  task: Extract<Task, { kind: K }>
  checkpoint: StoredCheckpoint
  db: Database
  store: ObjectStore
  /** Spool and caches live below it. */
  dataDir: string
  /** Aborted when the result is no longer wanted, or this worker goes down. */
  signal: AbortSignal
  log: Logger
}

export interface TaskOutcome<K extends TaskKind> {
  result: TaskResult<K>
  /** Key of the object that it made. */
  output?: string
  /** What is wrong with the checkpoint's object: it is then quarantined. */
  fault?: string | undefined
  /** What was measured of it: it joins the job's curve. */
  measurements?: readonly Measurement[] | undefined
}

/** What was asked for cannot be done, however often it is tried. */
export class Impossible extends Error {
  override name = 'Impossible'
}

/** What a worker does for each kind. Outages are outlasted inside; what rejects counts as a crash, but for `Impossible`. */
export const taskKinds: { [K in TaskKind]: (work: TaskWork<K>) => Promise<TaskOutcome<K>> } = {
  verify,
  generate,
  evaluate,
  export: exportCheckpoint,
}
