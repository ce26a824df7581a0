import { join } from 'node:path'
import { type Database, type Fence, quarantineCheckpoint, type StoredCheckpoint } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import type { ObjectStore } from '@kantor/storage'
import { fetchObject } from './inspect-object.js'
import { outlast } from './patience.js'

export interface Resume {
  id: string
  step: number
  /** The checkpoint's bytes on this machine; size and sha256 are those of its row. */
  file: string
}

export interface ResumeOptions {
  db: Database
  store: ObjectStore
  fence: Fence
  newest: StoredCheckpoint | null
  directory: string
  signal: AbortSignal
  log: Logger
}

/**
 * Brings the newest good checkpoint here, verified before anybody parses it. A bad or missing object is quarantined and the one
 * before it is tried; null when none is left: the job then starts again at step 0, never from doubtful weights, and an event says so.
 */
export async function fetchResume({
  db,
  store,
  fence,
  newest,
  directory,
  signal,
  log,
}: ResumeOptions): Promise<Resume | null> {
  let candidate = newest
  while (candidate) {
    const { id, step } = candidate
    const file = join(directory, `resume-${step}.safetensors`)
    const fault = await fetchObject(store, candidate, file, { signal, log })
    if (fault === null) return { id, step, file }
    candidate = await outlast('quarantine', () => quarantineCheckpoint(db, fence, { id, fault }), { signal, log })
    const next = candidate === null ? 'from step 0' : `from the one of step ${candidate.step}`
    log.error({ step, checkpoint: id, fault }, `checkpoint_corrupt: quarantined, going on ${next}`)
  }
  return null
}

/** What a job starts from is not there any more: no attempt could do better. */
export class StartFailed extends Error {
  override name = 'StartFailed'
}

/**
 * Brings the checkpoint of another job here, or uploaded weights, verified. StartFailed when the object is bad: there is no older one to
 * fall back to, and starting from scratch is not what was asked for.
 */
export async function fetchStart({
  store,
  object,
  what,
  directory,
  signal,
  log,
}: Pick<ResumeOptions, 'store' | 'directory' | 'signal' | 'log'> & {
  object: Pick<StoredCheckpoint, 'key' | 'sizeBytes' | 'sha256'>
  /** For people. */
  what: string
}): Promise<string> {
  const file = join(directory, 'start.safetensors')
  const fault = await fetchObject(store, object, file, { signal, log })
  if (fault === null) return file
  throw new StartFailed(`${what}, which this job starts from, is damaged: ${fault}; start from another one`)
}
