import { ownedStates } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from './database.js'
import { type DeviceClass, LIVE_SECONDS } from './workers.js'

export interface DrawnTicket {
  jobId: string
  /** Counts the tickets of the job, so that each has a name of its own in the queue. */
  ticketNo: number
  deviceClass: DeviceClass
}

const TICKETS_PER_SLOT = 2
/** A ticket that nobody turned into a claim for this long is taken for lost and drawn again. */
const TICKET_SECONDS = 30

/**
 * Draws tickets for queued jobs, by priority, then age: as many as bring the tickets out there to two per free slot of live workers.
 * Put them into the queue after this returns; ones lost on the way are drawn again after 30 s.
 */
export async function drawTickets(db: Database): Promise<DrawnTicket[]> {
  return transaction(db, async (tx) => {
    const room = await ticketRoom(tx)
    const total = room.cpu + room.gpu
    if (total === 0) return []

    const assigned: { id: string; deviceClass: DeviceClass }[] = []
    for (const job of await oldestWaiting(tx, room, total)) {
      const deviceClass = job.device === 'any' ? roomiest(room) : job.device
      if (room[deviceClass] === 0) continue
      room[deviceClass] -= 1
      assigned.push({ id: job.id, deviceClass })
    }
    if (assigned.length === 0) return []

    const { rows } = await tx.query<DrawnTicket>(
      `UPDATE job SET ticket_no = ticket_no + 1, ticket_class = drawn.class, ticketed_at = clock_timestamp()
       FROM unnest($1::uuid[], $2::text[]) AS drawn(id, class) WHERE job.id = drawn.id
       RETURNING job.id AS "jobId", ticket_no AS "ticketNo", ticket_class AS "deviceClass"`,
      [assigned.map((ticket) => ticket.id), assigned.map((ticket) => ticket.deviceClass)],
    )
    const order = new Map(assigned.map((ticket, index) => [ticket.id, index]))
    return rows.sort((a, b) => order.get(a.jobId)! - order.get(b.jobId)!)
  })
}

type Room = Record<DeviceClass, number>
const roomiest = (room: Room): DeviceClass => (room.gpu >= room.cpu ? 'gpu' : 'cpu')

/** Tickets that each device class can still take. */
async function ticketRoom(tx: Transaction): Promise<Room> {
  const { rows } = await tx.query<{ deviceClass: DeviceClass; free: number; out: number }>(
    `WITH live AS (
       SELECT id, device_class, slots FROM worker WHERE heartbeat_at > now() - make_interval(secs => $1)
     ), load AS (
       SELECT live.id, count(job.id)::int AS held
       FROM live LEFT JOIN job ON job.worker_id = live.id AND job.lease_until IS NOT NULL AND job.state = ANY($2)
       GROUP BY live.id
     ), ticketed AS (
       SELECT ticket_class, count(*)::int AS out FROM job
       WHERE state = 'queued' AND ticketed_at > now() - make_interval(secs => $3) GROUP BY ticket_class
     )
     SELECT live.device_class AS "deviceClass", sum(greatest(live.slots - load.held, 0))::int AS free,
       coalesce(max(ticketed.out), 0)::int AS out
     FROM live JOIN load USING (id) LEFT JOIN ticketed ON ticketed.ticket_class = live.device_class
     GROUP BY live.device_class`,
    [LIVE_SECONDS, ownedStates, TICKET_SECONDS],
  )
  const room: Room = { cpu: 0, gpu: 0 }
  for (const row of rows) room[row.deviceClass] = Math.max(0, TICKETS_PER_SLOT * row.free - row.out)
  return room
}

/** Enough queued jobs without a ticket to fill the room whichever class `any` jobs go to; rows that another transaction holds are skipped. */
async function oldestWaiting(
  tx: Transaction,
  room: Room,
  limit: number,
): Promise<{ id: string; device: 'any' | DeviceClass }[]> {
  const devices = ['any', ...(room.cpu > 0 ? ['cpu'] : []), ...(room.gpu > 0 ? ['gpu'] : [])]
  const { rows } = await tx.query<{ id: string; device: 'any' | DeviceClass }>(
    `SELECT id, device FROM unnest($1::text[]) AS wanted(name) CROSS JOIN LATERAL (
       SELECT id, device, priority, created_at FROM job
       WHERE state = 'queued' AND device = wanted.name
         AND (ticketed_at IS NULL OR ticketed_at <= now() - make_interval(secs => $2))
       ORDER BY priority, created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
     ) AS waiting ORDER BY priority, created_at, id`,
    [devices, TICKET_SECONDS, limit],
  )
  return rows
}
