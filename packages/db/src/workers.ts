import { AppError, Worker } from '@kantor/contracts'
import { type Database, query } from './database.js'

export type DeviceClass = 'cpu' | 'gpu'

export interface NewWorker {
  id: string
  host: string
  pid: number
  deviceClass: DeviceClass
  /** What the device calls itself. */
  device: string
  /** Of a GPU its own memory, else the host's; absent where nothing tells. */
  memoryBytes?: number | null
  /** Jobs that it trains at once. */
  slots: number
  versions: Record<string, string>
  /** What its self-test found. */
  determinism?: Worker['determinism']
  /** Why its self-test failed: it stays listed, and gets nothing. */
  unusable?: string | undefined
}

/** A worker is live while its newest heartbeat is at most this old; it beats every 10 s. */
export const LIVE_SECONDS = 30

/** Announces a worker, or announces it anew; rows of workers that have been silent for a day are removed. What is draining stays so. */
export async function registerWorker(db: Database, worker: NewWorker): Promise<void> {
  await query(db, `DELETE FROM worker WHERE heartbeat_at < now() - interval '1 day'`)
  await query(
    db,
    `INSERT INTO worker (id, host, pid, device_class, device, slots, versions, determinism, unusable, memory_bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid, device_class = excluded.device_class,
       device = excluded.device, slots = excluded.slots, versions = excluded.versions, determinism = excluded.determinism,
       unusable = excluded.unusable, memory_bytes = excluded.memory_bytes, heartbeat_at = now()`,
    [
      worker.id,
      worker.host,
      worker.pid,
      worker.deviceClass,
      worker.device,
      worker.slots,
      worker.versions,
      worker.determinism ?? null,
      worker.unusable ?? null,
      worker.memoryBytes ?? null,
    ],
  )
}

/** The reply says whether it should take work. AppError `not-found` when the row is gone: register again. */
export async function heartbeatWorker(db: Database, id: string): Promise<{ draining: boolean }> {
  const [row] = await query<{ draining: boolean }>(
    db,
    'UPDATE worker SET heartbeat_at = now() WHERE id = $1 RETURNING draining',
    [id],
  )
  if (!row) throw new AppError('not-found', `worker ${id} is not registered`)
  return row
}

interface WorkerRow extends Omit<Worker, 'registeredAt' | 'message'> {
  unusable: string | null
  registeredAt: Date
}

const toWorker = ({ unusable, registeredAt, ...row }: WorkerRow): Worker =>
  Worker.parse({ ...row, message: unusable, registeredAt: registeredAt.toISOString() })

const columns = `id, host, device_class AS "deviceClass", device, memory_bytes::float8 AS "memoryBytes", slots, versions, determinism, unusable, registered_at AS "registeredAt",
  (SELECT count(*)::int FROM job WHERE worker_id = worker.id AND lease_until IS NOT NULL) AS busy,
  greatest(0, round(extract(epoch FROM clock_timestamp() - heartbeat_at)::numeric, 1))::float8 AS "heartbeatAgeSeconds",
  CASE WHEN heartbeat_at <= clock_timestamp() - make_interval(secs => ${LIVE_SECONDS}) THEN 'offline'
    WHEN unusable IS NOT NULL THEN 'unusable' WHEN draining THEN 'draining' ELSE 'online' END AS state`

/** Every worker that gave a sign of life in the last day and did not sign off, oldest first. */
export async function listWorkers(db: Database): Promise<Worker[]> {
  const rows = await query<WorkerRow>(
    db,
    `SELECT ${columns} FROM worker WHERE heartbeat_at > now() - interval '1 day' ORDER BY registered_at, id`,
  )
  return rows.map(toWorker)
}

/** Whether a worker gets new work; what it runs goes on. AppError `not-found`. */
export async function setDraining(db: Database, id: string, draining: boolean): Promise<Worker> {
  const [row] = await query<WorkerRow>(db, `UPDATE worker SET draining = $2 WHERE id = $1 RETURNING ${columns}`, [
    id,
    draining,
  ])
  if (!row) throw new AppError('not-found', `there is no worker ${id}; GET /workers lists them`)
  return toWorker(row)
}

/** The most memory that a fit worker of each device class told of in the last day; null where none did. */
export async function largestMemory(db: Database): Promise<Record<DeviceClass, number | null>> {
  const rows = await query<{ deviceClass: DeviceClass; bytes: number | null }>(
    db,
    `SELECT device_class AS "deviceClass", max(memory_bytes)::float8 AS bytes FROM worker
     WHERE unusable IS NULL AND heartbeat_at > clock_timestamp() - interval '1 day' GROUP BY device_class`,
  )
  const largest: Record<DeviceClass, number | null> = { cpu: null, gpu: null }
  for (const { deviceClass, bytes } of rows) largest[deviceClass] = bytes
  return largest
}

export async function removeWorker(db: Database, id: string): Promise<void> {
  await query(db, 'DELETE FROM worker WHERE id = $1', [id])
}
