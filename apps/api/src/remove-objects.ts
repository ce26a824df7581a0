import { jobPrefix } from '@kantor/storage'
import type { ApiDeps } from './deps.js'

/**
 * Removes every object of a job whose rows are gone. An outage leaves litter, which the garbage collection takes later: the job is
 * deleted either way.
 */
export async function removeObjects({ store, log }: Pick<ApiDeps, 'store' | 'log'>, jobId: string): Promise<void> {
  try {
    for await (const { key } of store.list(jobPrefix(jobId))) await store.remove(key)
  } catch (error) {
    log.warn({ err: error, jobId }, 'objects of a deleted job were left behind')
  }
}
