import type { Transaction } from './database.js'
import { type DeviceClass, LIVE_SECONDS } from './workers.js'

/** Slots of the workers that take work now: live by the database's clock, enabled and fit. */
export interface Slots {
  total: number
  free: number
}

/** Slots by device class; a class without a worker has none. */
export async function countSlots(tx: Pick<Transaction, 'query'>): Promise<Record<DeviceClass, Slots>> {
  const { rows } = await tx.query<Slots & { deviceClass: DeviceClass }>(
    `SELECT device_class AS "deviceClass", sum(slots)::int AS total, sum(greatest(slots - held, 0))::int AS free
     FROM worker, LATERAL (SELECT count(*) AS held FROM job WHERE worker_id = worker.id AND lease_until IS NOT NULL) AS load
     WHERE NOT draining AND unusable IS NULL AND heartbeat_at > clock_timestamp() - make_interval(secs => $1)
     GROUP BY device_class`,
    [LIVE_SECONDS],
  )
  const slots = { cpu: { total: 0, free: 0 }, gpu: { total: 0, free: 0 } }
  for (const { deviceClass, total, free } of rows) slots[deviceClass] = { total, free }
  return slots
}
