import { type Database, forgetReplies, forgetSessions, reconcile, reconcileTasks } from '@kantor/db'
import type { Logger } from '@kantor/runtime'

/**
 * Takes back what workers left behind: the path that correctness rests on, tickets are only speed. True when jobs were queued again.
 * And forgets replies that no Idempotency-Key asks for any more, and sessions that have ended.
 */
export async function reconcileOnce(db: Database, log: Logger): Promise<boolean> {
  const taken = await reconcile(db)
  if (taken.requeued + taken.cancelled + taken.failed > 0) log.warn(taken, 'leases ran out; their jobs were taken back')
  const tasks = await reconcileTasks(db)
  if (tasks.requeued + tasks.cancelled + tasks.failed > 0)
    log.warn(tasks, 'leases ran out; their tasks were taken back')
  await forgetReplies(db)
  await forgetSessions(db)
  return taken.requeued > 0
}
