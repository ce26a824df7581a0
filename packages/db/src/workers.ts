import { AppError } from '@kantor/contracts'
import { type Database, query } from './database.js'

export type DeviceClass = 'cpu' | 'gpu'

export interface NewWorker {
  id: string
  host: string
  pid: number
  deviceClass: DeviceClass
  /** What the device calls itself. */
  device: string
  /** Jobs that it trains at once. */
  slots: number
  versions: Record<string, string>
}

/** A worker is live while its newest heartbeat is at most this old; it beats every 10 s. */
export const LIVE_SECONDS = 30

/** Announces a worker, or announces it anew; rows of workers that have been silent for a day are removed. */
export async function registerWorker(db: Database, worker: NewWorker): Promise<void> {
  await query(db, `DELETE FROM worker WHERE heartbeat_at < now() - interval '1 day'`)
  await query(
    db,
    `INSERT INTO worker (id, host, pid, device_class, device, slots, versions) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid, device_class = excluded.device_class,
       device = excluded.device, slots = excluded.slots, versions = excluded.versions, heartbeat_at = now()`,
    [worker.id, worker.host, worker.pid, worker.deviceClass, worker.device, worker.slots, worker.versions],
  )
}

/** AppError `not-found` when the row is gone: register again. */
export async function heartbeatWorker(db: Database, id: string): Promise<void> {
  const rows = await query(db, 'UPDATE worker SET heartbeat_at = now() WHERE id = $1 RETURNING id', [id])
  if (rows.length === 0) throw new AppError('not-found', `worker ${id} is not registered`)
}

export async function removeWorker(db: Database, id: string): Promise<void> {
  await query(db, 'DELETE FROM worker WHERE id = $1', [id])
}
