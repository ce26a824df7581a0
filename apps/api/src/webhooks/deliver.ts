import { type Database, noteDelivery, takeDueDeliveries } from '@kantor/db'
import { sendWebhook, type SendOptions } from './send.js'

/** Sends what is due, at once; how many. One that fails is due again later; the database says when, and when to give up. */
export async function deliverOnce(db: Database, options: SendOptions): Promise<number> {
  const due = await takeDueDeliveries(db)
  await Promise.all(due.map(async (hook) => noteDelivery(db, hook.id, await sendWebhook(hook, options))))
  return due.length
}
