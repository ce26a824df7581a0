import { type Database, reconcile } from '@kantor/db'
import type { Logger } from '@kantor/runtime'

/** Takes back what workers left behind: the path that correctness rests on, tickets are only speed. True when jobs were queued again. */
export async function reconcileOnce(db: Database, log: Logger): Promise<boolean> {
  const taken = await reconcile(db)
  if (taken.requeued + taken.cancelled + taken.failed > 0) log.warn(taken, 'leases ran out; their jobs were taken back')
  return taken.requeued > 0
}
