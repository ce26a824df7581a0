import { type Database, databaseTime, getImport, unreferencedKeys } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import { isArtifactKey, type ObjectStore, weightsPrefix } from '@kantor/storage'

/** An object may wait this long for its row: an attempt writes the row right after, or has lost its lease long before. */
const ROWLESS_SECONDS = 24 * 3600
const BATCH = 500
/** Before an import's id. */
const uploadPrefix = 'imports/'

export interface Collected {
  /** Samples and checkpoints that no row names, and uploads that no import will read. */
  objects: number
  /** Uploads that were never finished. */
  unfinished: number
}

/**
 * Removes what crashes left in the object store: objects whose row was never written or is gone, and half uploads, all older than a day by
 * the store's clock. Rows go first and objects later, so an object without a row is litter, and only litter.
 */
export async function collectGarbage(
  db: Database,
  store: Pick<ObjectStore, 'list' | 'remove' | 'removeUnfinished'>,
  log: Logger,
): Promise<Collected> {
  const horizon = new Date((await databaseTime(db)).getTime() - ROWLESS_SECONDS * 1000)
  let objects = 0
  let old: string[] = []
  const removeRowless = async () => {
    for (const key of old.length > 0 ? await unreferencedKeys(db, old) : []) {
      await store.remove(key)
      objects += 1
    }
    old = []
  }
  for (const prefix of ['jobs/', weightsPrefix]) {
    for await (const { key, storedAt } of store.list(prefix)) {
      if (storedAt >= horizon || !isArtifactKey(key)) continue
      old.push(key)
      if (old.length === BATCH) await removeRowless()
    }
  }
  await removeRowless()
  for await (const { key, storedAt } of store.list(uploadPrefix)) {
    if (storedAt >= horizon) continue
    const state = (await getImport(db, key.slice(uploadPrefix.length)))?.state
    if (state === 'queued' || state === 'running') continue
    await store.remove(key)
    objects += 1
  }
  const unfinished = await store.removeUnfinished(horizon)
  if (objects + unfinished > 0) log.info({ objects, unfinished }, 'removed litter from the object store')
  return { objects, unfinished }
}
